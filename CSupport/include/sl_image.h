/*
 * sl_image.h: the executable or library that an address lies in, so that what stands in it can be named to
 * another process of the same executable: the address minus the image's base, and the image's fingerprint.
 */
#ifndef SL_IMAGE_H
#define SL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uintptr_t base;       /* what the loader has added to the image's own addresses */
  uintptr_t end;        /* beyond the image's last byte in memory */
  uint64_t fingerprint; /* of its program headers and notes: the layout, and the build id if it has one */
} sl_image;

/* Finds the image with this address; false if there is none. */
bool sl_image_find(const void *address, sl_image *image);

/* FNV-1a (Fowler, Noll, Vo), 64 bits, of `bytes` bytes, going on from `hash`. It tells builds apart; it does not
 * withstand who wants two of them to look the same. */
uint64_t sl_fingerprint(uint64_t hash, const void *start, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
