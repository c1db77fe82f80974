/* sl_image.c: what the loader knows. */
#include "sl_image.h"

#include <link.h>

uint64_t sl_fingerprint(uint64_t hash, const void *start, size_t bytes) {
  const unsigned char *next = (const unsigned char *)start;
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ next[i]) * 0x100000001b3u;
  return hash;
}

typedef struct {
  uintptr_t address;
  sl_image *image;
} search;

static uint64_t fingerprint(const struct dl_phdr_info *info) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    hash = sl_fingerprint(hash, header, sizeof *header);
    if (header->p_type == PT_NOTE)
      hash = sl_fingerprint(hash, (const void *)(info->dlpi_addr + header->p_vaddr), header->p_memsz);
  }
  return hash;
}

static int look(struct dl_phdr_info *info, size_t size, void *context) {
  (void)size;
  search *wanted = (search *)context;
  bool is_inside = false;
  uintptr_t end = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    if (header->p_type != PT_LOAD) continue;
    uintptr_t first = info->dlpi_addr + header->p_vaddr;
    if (wanted->address >= first && wanted->address - first < header->p_memsz) is_inside = true;
    if (first + header->p_memsz > end) end = first + header->p_memsz;
  }
  if (!is_inside) return 0;
  *wanted->image = (sl_image){info->dlpi_addr, end, fingerprint(info)};
  return 1;
}

bool sl_image_find(const void *address, sl_image *image) {
  search wanted = {(uintptr_t)address, image};
  return dl_iterate_phdr(look, &wanted) == 1;
}
