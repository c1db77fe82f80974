/* sl_thread_number.c: gives and takes back the numbers of sl_thread_number.h. */
#include "sl_thread_number.h"

#include <pthread.h>
#include <stdlib.h>

__thread uint32_t sl_thread_number_plus_1_;

/* A set bit: the number is in use. Pages that are never looked at cost nothing. */
static sl_atomic_u64 used[SL_THREAD_NUMBERS / 64];
static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void thread_ends(void *word) {
  (void)word;
  uint32_t number = sl_thread_number_plus_1_ - 1;
  /* A later destructor of this thread may ask again: it gets a number and comes here once more. */
  sl_thread_number_plus_1_ = 0;
  sl_fetch_and_release_u64(&used[number / 64], ~((uint64_t)1 << (number % 64))); /* [TN1] */
}

static void create_key(void) {
  if (pthread_key_create(&key, thread_ends) != 0) abort(); /* 1,024 keys are in use */
}

uint32_t sl_thread_number_assign_(void) {
  pthread_once(&key_once, create_key);
  for (uint32_t i = 0; i < SL_THREAD_NUMBERS / 64; i++) {
    uint64_t word = sl_load_relaxed_u64(&used[i]);
    while (word != UINT64_MAX) {
      uint64_t bit = ~word & (word + 1); /* the lowest that is not set */
      if (!sl_cas_acquire_u64(&used[i], &word, word | bit)) continue; /* [TN1] */
      uint32_t number = i * 64 + (uint32_t)__builtin_ctzll(bit);
      sl_thread_number_plus_1_ = number + 1;
      /* Any value that is not NULL: the destructor is then called. */
      if (pthread_setspecific(key, &used[i]) != 0) abort();
      return number;
    }
  }
  abort();
}
