// SPDX-License-Identifier: MIT
/* Devices at boot, in the order of what needs what. */
#include "arch/boot.h"
#include "drivers/control.h"
#include "drivers/drivers.h"
#include "drivers/port.h"
#include "drivers/random.h"
#include "drivers/virtio.h"
#include "fs/vfs.h"
#include "lib/string.h"

void drivers_early_init(void)
{
    random_init();
}

void drivers_init(void)
{
    char streams[16];
    bool uart = boot_option("slipway.streams", 0, streams, sizeof(streams)) && strcmp(streams, "uart") == 0;
    virtio_mmio_init();
    virtio_pci_init();
    if (uart || !port_devices_present())
        port_uart_init();
    control_init();
    vfs_at_mounts(sysrq_init);
#ifdef SLIPWAY_KASAN
    vfs_at_mounts(faults_init);
#endif
}
