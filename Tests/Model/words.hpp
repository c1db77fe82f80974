/*
 * words.hpp: before a .c file of the core is included into the model. Its words come from where relacy's
 * atomics are constructed, and every iteration of a test begins anew.
 */
#ifndef SL_MODEL_WORDS_HPP
#define SL_MODEL_WORDS_HPP

#include "model.hpp"

#include <errno.h>
#include <stdlib.h>

#define aligned_alloc(alignment, bytes) ((void *)model::allocate_words(bytes))
#undef free
#define free(words) model::release_words((sl_atomic_u64 *)(words))

#endif
