/* SPDX-License-Identifier: MIT */
/*
 * The contract between the host tools (oci/, initramfs-builder/, imgtool/) and the kernel. Both sides include
 * this file and nothing else of each other. All integers are little-endian; all structures are naturally aligned.
 *
 * 1. The archive
 *    A newc cpio. Its first entry is a regular file named SW_INDEX_NAME whose content is the index below; to any
 *    other reader it is an ordinary file. Data of files of SW_PAGE bytes or more starts at a multiple of SW_PAGE
 *    from the start of the archive, and so does the index. The whole archive is padded with NULs to a multiple of
 *    SW_PAGE. A second entry, SW_RECORD_NAME, is the boot record (3). Neither is visible in the booted root.
 *
 * 2. Where archives live
 *    - Embedded: the last PT_LOAD of the ELF. The kernel holds one `struct sw_archive_slot` (found in the file by
 *      its magic, 8-byte aligned, exactly once); imgtool fills in address and size. The archive starts on a
 *      SW_PAGE boundary. Its last 16 bytes (inside the final padding; imgtool appends a page when there is no
 *      room) are `struct sw_archive_tail`, by which the kernel tells that the loader really copied all of it.
 *    - Second: the boot loader's initrd, an archive of the same kind (or a foreign cpio, without index). Its
 *      entries overlay the first's by path; its boot record, when present, replaces the first's whole.
 *
 * 3. The boot record: `struct sw_record_header`, then items: `struct sw_record_item` followed by `len` bytes,
 *    padded to 8. Unknown tags are ignored with a line in the log. Strings carry no NUL and contain none.
 *
 * 4. The control port: one JSON object a line (UTF-8, <= SW_CTL_LINE_MAX bytes with the newline), see the end.
 */
#ifndef SLIPWAY_BOOT_CONTRACT_H
#define SLIPWAY_BOOT_CONTRACT_H

#include <stdint.h>

#define SW_PAGE 4096u
#define SW_INDEX_NAME ".slipway-index"
#define SW_RECORD_NAME ".slipway-boot"

/* ---- 1. the index ------------------------------------------------------------------------------------------ */

#define SW_INDEX_MAGIC 0x3158444957504c53ull /* "SLPWIDX1" */
#define SW_INDEX_VERSION 1u

/* Every *_off is from the start of the index; tables are 8-byte aligned, inside [sizeof header, index_size). */
struct sw_index_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_size;  /* sizeof(struct sw_index_header) */
    uint64_t index_size;   /* bytes of the index, this header included */
    uint64_t archive_size; /* bytes of the whole archive, a multiple of SW_PAGE */
    uint64_t inodes_off;   /* struct sw_index_inode[inode_count]; number 0 is the root directory */
    uint64_t dirents_off;  /* struct sw_index_dirent[dirent_count] */
    uint64_t names_off;    /* bytes, no terminators */
    uint64_t names_size;
    uint64_t xattrs_off; /* see struct sw_index_inode */
    uint64_t xattrs_size;
    uint32_t inode_count;
    uint32_t dirent_count;
    uint64_t data_bytes; /* sum of the sizes of all regular files, each inode once (statfs) */
};

/* One inode; all names of a hard link share it. */
struct sw_index_inode {
    uint32_t mode; /* S_IFMT | permissions, as stat(2) */
    uint32_t nlink;
    uint32_t uid, gid;
    int64_t mtime_sec;
    uint32_t mtime_nsec;
    uint32_t rdev_major, rdev_minor;
    uint32_t parent; /* directories: inode number of the parent (the root: 0) */
    uint64_t size;   /* regular: bytes; symlink: length of the target; else 0 */
    uint64_t
        data_off; /* regular, symlink: from the start of the *archive* (SW_PAGE-aligned when size >= SW_PAGE); size 0: 0 */
    uint32_t first;     /* directories: index of the first dirent; else 0 */
    uint32_t count;     /* directories: number of dirents; else 0 */
    uint32_t xattr_off; /* from xattrs_off; 0xffffffff: none */
    uint32_t xattr_len; /* records: u16 name_len, u16 reserved, u32 value_len, name, value; each record padded to 8 */
};

/* A directory's entries are consecutive and sorted by memcmp of the name (shorter first when a prefix). */
struct sw_index_dirent {
    uint32_t name_off; /* from names_off */
    uint16_t name_len; /* 1..255, no '/', not "." or ".." */
    uint16_t type;     /* DT_* as in dirent.h (S_IFMT >> 12) */
    uint32_t inode;
};

/* ---- 2. the slot and the tail ------------------------------------------------------------------------------- */

#define SW_SLOT_MAGIC0 0x53415957504c4953ull
#define SW_SLOT_MAGIC1 0x31544f4c53484352ull
struct sw_archive_slot {
    uint64_t magic0, magic1;
    uint64_t paddr; /* physical address of the archive, SW_PAGE-aligned; 0: none embedded */
    uint64_t size;  /* bytes, a multiple of SW_PAGE */
};

#define SW_TAIL_MAGIC 0x4c49415457504c53ull /* "SLPWTAIL" */
struct sw_archive_tail {
    uint64_t magic;
    uint64_t size; /* as the slot's */
};

/* ---- 3. the boot record ------------------------------------------------------------------------------------- */

#define SW_RECORD_MAGIC 0x3143455257504c53ull /* "SLPWREC1" */
struct sw_record_header {
    uint64_t magic;
    uint32_t version; /* 1 */
    uint32_t item_count;
    uint64_t size; /* bytes of the record, this header included */
};

struct sw_record_item {
    uint32_t tag; /* enum sw_record_tag */
    uint32_t len;
};

enum sw_record_tag {
    SW_REC_ARG = 1,         /* string; one item an argument, in order; at least one. argv[0] is looked up in the env's
                              PATH by the kernel when it has no '/', as execvp(3) does */
    SW_REC_ENV = 2,         /* "NAME=value", one item each, in order */
    SW_REC_CWD = 3,         /* absolute path (created by the builder when the image lacks it) */
    SW_REC_UID = 4,         /* u32 */
    SW_REC_GID = 5,         /* u32 */
    SW_REC_GROUP = 6,       /* u32, one item a supplementary group */
    SW_REC_HOSTNAME = 7,    /* string, 1..64 */
    SW_REC_STOP_SIGNAL = 8, /* u32, 1..64 */
    SW_REC_PORT = 9,        /* u32: port | (protocol << 16), protocol 6 tcp, 17 udp, 132 sctp */
    SW_REC_TIME = 10,       /* i64: nanoseconds since the epoch, a lower bound for wall time when no clock is found */
    SW_REC_FLAGS = 11,      /* u32: SW_FLAG_* */
    SW_REC_RLIMIT = 12,     /* u32 resource, u32 0, u64 soft, u64 hard */
    SW_REC_DOMAINNAME = 13  /* string */
};

#define SW_FLAG_TTY 1u        /* docker -t: one terminal instead of three streams */
#define SW_FLAG_INIT 2u       /* docker --init: a kernel init is PID 1, the entrypoint PID 2 */
#define SW_FLAG_STDIN_OPEN 4u /* docker -i: stdin is attached; without it stdin is at end of file */

/* ---- 4. streams and the control port ------------------------------------------------------------------------ */

/* Names (the `name=` of virtserialport) and fixed port numbers; a port is present only when used. */
#define SW_PORT_CTL "slipway.ctl"       /* nr=1 */
#define SW_PORT_STDIN "slipway.stdin"   /* nr=2 */
#define SW_PORT_STDOUT "slipway.stdout" /* nr=3 */
#define SW_PORT_STDERR "slipway.stderr" /* nr=4 */
#define SW_PORT_TTY "slipway.tty"       /* nr=5 */

#define SW_CTL_LINE_MAX 4096

/*
 * Guest to host:
 *   {"event":"boot","version":"6.6.0-slipway","cpus":N,"memory":BYTES}
 *   {"event":"pid1","argv0":"…"}                     PID 1 is about to enter user mode
 *   {"event":"exit","code":N}                        exited; N 0..255, verbatim. The last record, after the streams drained
 *   {"event":"exit","signal":N,"core":true|false}    killed by a signal (the host's code is 128+N)
 *   {"event":"exit","code":126|127,"error":"…"}      the entrypoint could not be executed | was not found
 *   {"event":"panic","message":"…"}                  first line of the panic; the host's code is 125
 *   {"event":"fatal","message":"…"}                  boot refused (archive damaged, not enough memory); 125
 * Host to guest:
 *   {"cmd":"signal","signo":N}                       to the container's PID 1 (as kill(1, N) from outside: SIGKILL works)
 *   {"cmd":"stop","signo":N,"grace_ms":M}            signo now, SIGKILL after M ms unless it has ended
 *   {"cmd":"winsize","rows":R,"cols":C}              of the terminal; SIGWINCH when it changes
 * A missing exit event means failure. Unknown objects are ignored.
 * End of input on stdin: the host closes the chardev's connection (VIRTIO_CONSOLE_PORT_OPEN 0): the guest reads EOF
 * after what was queued. Stdout and stderr queue in the guest until the host has opened the port.
 */

/* The kernel's command line (space separated, `name` or `name=value`; unknown ones are ignored):
 *   strace            trace every process's system calls to the log
 *   console=ttyS0     kernel log to the UART (default: only warnings and panics)
 *   loglevel=N        0..7
 *   virtio_mmio.device=SIZE@ADDR:IRQ   as Linux; may repeat
 *   slipway.streams=uart   no virtio-console: stdin/stdout/stderr on the UART
 *   maxcpus=N
 *   privileged        PID 1 has every capability, as docker run --privileged gives (default: docker's usual set)
 */
#endif
