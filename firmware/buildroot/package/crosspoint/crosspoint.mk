################################################################################
#
# crosspoint
#
################################################################################

CROSSPOINT_VERSION = 0.1.0
# The source tree that holds this recipe.
CROSSPOINT_SITE = $(BR2_EXTERNAL_CROSSPOINT_PATH)/../..
CROSSPOINT_SITE_METHOD = local
CROSSPOINT_LICENSE = MIT or Apache-2.0
CROSSPOINT_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE

CROSSPOINT_CARGO_BUILD_OPTS = --no-default-features --features firmware

# The size of the profile "firmware" in Cargo.toml; Buildroot installs from the profile release.
CROSSPOINT_CARGO_ENV = \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=z \
	CARGO_PROFILE_RELEASE_LTO=fat \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1

define CROSSPOINT_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/target/$(RUSTC_TARGET_NAME)/release/crosspoint \
		$(TARGET_DIR)/usr/bin/crosspoint
	$(INSTALL) -D -m 0600 $(@D)/config/samples/two-cameras.yaml \
		$(TARGET_DIR)/etc/crosspoint.yaml
endef

define CROSSPOINT_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(CROSSPOINT_PKGDIR)/S90crosspoint \
		$(TARGET_DIR)/etc/init.d/S90crosspoint
endef

define CROSSPOINT_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/firmware/systemd/crosspoint.service \
		$(TARGET_DIR)/usr/lib/systemd/system/crosspoint.service
endef

$(eval $(cargo-package))
