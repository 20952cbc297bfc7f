include $(sort $(wildcard $(BR2_EXTERNAL_CROSSPOINT_PATH)/package/*/*.mk))
