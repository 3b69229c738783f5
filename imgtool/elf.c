// SPDX-License-Identifier: MIT
/*
 * ELF surgery. The kernel is a small file and is read whole; the archive is appended without passing through here.
 * Every figure of the file is checked before use: a kernel may come from --kernel, a VM from anywhere.
 */
#include "imgtool/elf.h"

#include "initramfs-builder/archive.h"
#include "kernel/boot_contract.h"
#include "oci/error.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#define KERNEL_MAX (64u << 20)
#define HEADERS_MAX 64
#define LOAD_MAX (2048ull << 20) /* QEMU refuses an ELF that covers this much */
#define PAGE_UP(n) (((n) + SW_PAGE - 1) & ~(uint64_t)(SW_PAGE - 1))
#define MIB(n) ((n) >> 20)

struct span {
    uint64_t low, high;
};

/* ---- checking ---------------------------------------------------------------------------------------------- */

static const char *check_ident(const Elf64_Ehdr *e, uint64_t size)
{
    if (!e || size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0)
        return "it is not an ELF file";
    if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_machine != EM_X86_64)
        return "it is not an ELF file for x86_64";
    if (e->e_type != ET_EXEC)
        return "it is an ELF file, but not a kernel (its type is not ET_EXEC)";
    if (e->e_phentsize != sizeof(Elf64_Phdr) || e->e_phnum == 0 || e->e_phnum > HEADERS_MAX || e->e_phoff > size ||
        e->e_phnum * sizeof(Elf64_Phdr) > size - e->e_phoff || e->e_phoff % 8)
        return "its program headers are damaged";
    return NULL;
}

/* The physical addresses of all PT_LOADs; false when one is nonsense. */
static bool check_loads(const Elf64_Phdr *ph, unsigned count, uint64_t size, struct span *span)
{
    *span = (struct span){.low = UINT64_MAX};
    for (unsigned n = 0; n < count; n++) {
        if (ph[n].p_type != PT_LOAD || ph[n].p_memsz == 0)
            continue;
        if (ph[n].p_offset > size || ph[n].p_filesz > size - ph[n].p_offset || ph[n].p_filesz > ph[n].p_memsz ||
            ph[n].p_paddr > UINT32_MAX || ph[n].p_memsz > UINT32_MAX)
            return false;
        if (ph[n].p_paddr < span->low)
            span->low = ph[n].p_paddr;
        if (ph[n].p_paddr + ph[n].p_memsz > span->high)
            span->high = ph[n].p_paddr + ph[n].p_memsz;
    }
    return span->high != 0;
}

static const char *find_spare(struct kernel_image *k)
{
    const Elf64_Ehdr *e = (const Elf64_Ehdr *)k->data;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(k->data + e->e_phoff);

    for (unsigned n = 0; n < e->e_phnum; n++)
        if (ph[n].p_type == PT_NULL) {
            k->spare_header = e->e_phoff + n * sizeof(*ph);
            return NULL;
        }
    return "it has no spare program header (PT_NULL) for the archive";
}

static const char *find_slot(struct kernel_image *k)
{
    struct sw_archive_slot slot;
    unsigned found = 0;

    for (size_t at = 0; at + sizeof(slot) <= k->size; at += 8) {
        memcpy(&slot, k->data + at, sizeof(slot));
        if (slot.magic0 == SW_SLOT_MAGIC0 && slot.magic1 == SW_SLOT_MAGIC1) {
            k->slot = at;
            if (slot.paddr || slot.size)
                return "it carries an archive already";
            found++;
        }
    }
    return found == 1 ? NULL
           : found    ? "it has more than one archive slot"
                      : "it is not a kernel of Slipway (it has no archive slot)";
}

static const char *check_kernel(struct kernel_image *k)
{
    const Elf64_Ehdr *e = (const Elf64_Ehdr *)k->data;
    const char *cause = check_ident(e, k->size);
    struct span span;

    if (!cause && !check_loads((const Elf64_Phdr *)(k->data + e->e_phoff), e->e_phnum, k->size, &span))
        cause = "its segments are damaged";
    if (!cause)
        cause = find_slot(k);
    if (!cause)
        cause = find_spare(k);
    if (cause)
        return cause;
    k->low = span.low;
    k->high = span.high;
    return NULL;
}

/* ---- loading ----------------------------------------------------------------------------------------------- */

static int read_exactly(int fd, void *to, uint64_t len, uint64_t offset)
{
    uint64_t done = 0;

    while (done < len) {
        ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO;
        if (n > 0)
            done += (uint64_t)n;
    }
    return 0;
}

static int read_kernel(struct kernel_image *k, struct oci_error *err)
{
    AUTO_CLOSE int fd = open(k->path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int error;

    if (fd < 0 || fstat(fd, &st) < 0)
        return oci_fail_errno(err, "read kernel", k->path, errno);
    if (!S_ISREG(st.st_mode) || st.st_size > KERNEL_MAX)
        return oci_fail(err, "read kernel", k->path, "it is not a regular file of at most %u MiB", MIB(KERNEL_MAX));
    k->size = (size_t)st.st_size;
    k->data = malloc(k->size + 1);
    if (!k->data)
        return oci_fail_memory(err, "read kernel", k->path);
    error = read_exactly(fd, k->data, k->size, 0);
    return error ? oci_fail_errno(err, "read kernel", k->path, -error) : 0;
}

static void hash_kernel(struct kernel_image *k)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    EVP_Digest(k->data, k->size, digest, &len, EVP_sha256(), NULL);
    for (unsigned n = 0; n < len && n < 32; n++)
        snprintf(k->hash + 2 * n, 3, "%02x", digest[n]);
}

/* Beside the program (a build tree), or where `make install` puts it. */
static char *find_kernel(void)
{
    static const char *const places[] = {"kernel.elf", "../lib/slipway/kernel.elf"};
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len <= 0)
        return NULL;
    self[len] = 0;
    *(strrchr(self, '/') + 1) = 0;
    for (size_t n = 0; n < sizeof(places) / sizeof(places[0]); n++) {
        AUTO_FREE char *path = oci_format("%s%s", self, places[n]);
        if (path && access(path, F_OK) == 0)
            return TAKE_PTR(path);
    }
    return NULL;
}

int kernel_load(const char *path, struct kernel_image *k, struct oci_error *err)
{
    const char *cause;

    *k = (struct kernel_image){0};
    if (!path)
        path = getenv("SLIPWAY_KERNEL");
    k->path = path && *path ? strdup(path) : find_kernel();
    if (!k->path)
        return oci_fail(err, "find", "kernel.elf",
                        "it is neither beside imgtool nor in ../lib/slipway; give --kernel or SLIPWAY_KERNEL");
    if (read_kernel(k, err) < 0)
        return -1;
    cause = check_kernel(k);
    if (cause)
        return oci_fail(err, "use kernel", k->path, "%s", cause);
    hash_kernel(k);
    return 0;
}

void kernel_free(struct kernel_image *k)
{
    free(k->path);
    free(k->data);
    *k = (struct kernel_image){0};
}

/* ---- writing ----------------------------------------------------------------------------------------------- */

static int write_exactly(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* A copy of the kernel with header and slot filled in. */
static uint8_t *patched_kernel(const struct kernel_image *k, uint64_t paddr, uint64_t size)
{
    uint8_t *copy = malloc(k->size);
    Elf64_Phdr segment = {
        .p_type = PT_LOAD,
        .p_flags = PF_R,
        .p_offset = PAGE_UP(k->size),
        .p_vaddr = paddr, /* loaders go by p_paddr; nobody runs from here */
        .p_paddr = paddr,
        .p_filesz = size,
        .p_memsz = size,
        .p_align = SW_PAGE,
    };
    struct sw_archive_slot slot = {SW_SLOT_MAGIC0, SW_SLOT_MAGIC1, paddr, size};

    if (!copy)
        return NULL;
    memcpy(copy, k->data, k->size);
    memcpy(copy + k->spare_header, &segment, sizeof(segment));
    memcpy(copy + k->slot, &slot, sizeof(slot));
    return copy;
}

int vm_write(const struct kernel_image *k, struct archive *a, int fd, void (*progress)(uint64_t done, void *arg),
             void *arg, struct oci_error *err)
{
    uint64_t size = archive_size(a), paddr = PAGE_UP(k->high);
    AUTO_FREE uint8_t *kernel = patched_kernel(k, paddr, size);
    struct archive_error error = {""};
    int result;

    if (paddr + size - k->low >= LOAD_MAX)
        return oci_fail(err, "link", "the image",
                        "kernel and files need %" PRIu64
                        " MiB in one ELF file, and QEMU loads less than %llu MiB; make the "
                        "image smaller",
                        MIB(paddr + size - k->low) + 1, MIB(LOAD_MAX));
    if (!kernel)
        return oci_fail_memory(err, "link", "the image");
    result = write_exactly(fd, kernel, k->size);
    if (!result && (ftruncate(fd, (off_t)PAGE_UP(k->size)) < 0 || lseek(fd, 0, SEEK_END) < 0))
        result = -errno;
    if (result)
        return oci_fail_errno(err, "write", "the virtual machine", -result);
    if (archive_write(a, fd, progress, arg, &error) < 0)
        return oci_fail(err, "link", "the image", "%s", error.message);
    return 0;
}

/* ---- a finished VM ----------------------------------------------------------------------------------------- */

/* The archive is the last PT_LOAD; its tail says that the file is whole. */
static const char *find_archive(struct vm_file *vm, const Elf64_Phdr *ph, unsigned count)
{
    const Elf64_Phdr *last = NULL;
    struct sw_archive_tail tail = {0};

    for (unsigned n = 0; n < count; n++)
        if (ph[n].p_type == PT_LOAD)
            last = &ph[n];
    if (!last || last->p_filesz != last->p_memsz || last->p_filesz < SW_PAGE || last->p_paddr % SW_PAGE ||
        read_exactly(vm->fd, &tail, sizeof(tail), last->p_offset + last->p_filesz - sizeof(tail)) < 0 ||
        tail.magic != SW_TAIL_MAGIC || tail.size != last->p_filesz)
        return "it carries no image; `imgtool build` makes one that does";
    vm->archive_offset = last->p_offset;
    vm->archive_size = last->p_filesz;
    return NULL;
}

static const char *read_vm(struct vm_file *vm)
{
    Elf64_Ehdr e = {0};
    Elf64_Phdr ph[HEADERS_MAX] = {0};
    struct span span;
    struct stat st;
    const char *cause;

    if (fstat(vm->fd, &st) < 0 || read_exactly(vm->fd, &e, sizeof(e), 0) < 0)
        return "it is not an ELF file";
    cause = check_ident(&e, (uint64_t)st.st_size);
    if (cause)
        return cause;
    if (read_exactly(vm->fd, ph, e.e_phnum * sizeof(*ph), e.e_phoff) < 0 ||
        !check_loads(ph, e.e_phnum, (uint64_t)st.st_size, &span))
        return "its segments are damaged";
    vm->low = span.low;
    vm->high = span.high;
    return find_archive(vm, ph, e.e_phnum);
}

int vm_open(int fd, const char *path, struct vm_file *vm, struct oci_error *err)
{
    const char *cause;

    *vm = (struct vm_file){.fd = fd};
    cause = read_vm(vm);
    if (!cause)
        return 0;
    vm_close(vm);
    return oci_fail(err, "open", path, "%s", cause);
}

void vm_close(struct vm_file *vm)
{
    if (vm->fd >= 0)
        close(TAKE_FD(vm->fd));
}
