include $(BR2_EXTERNAL_CROSSPOINT_PATH)/crosspoint.mk
