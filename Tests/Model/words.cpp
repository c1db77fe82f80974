/* words.cpp: memory in which relacy sees each word made and unmade. */
#include "model.hpp"

#undef new

namespace model {

/* relacy's atomics are constructed and destroyed where a thread of a test runs; how many there are stands
 * in front of them. */
sl_atomic_u64 *allocate_words(size_t bytes) {
  size_t count = (bytes + sizeof(sl_atomic_u64) - 1) / sizeof(sl_atomic_u64);
  size_t *memory = (size_t *)rl::rl_malloc(16 + count * sizeof(sl_atomic_u64), $);
  memory[0] = count;
  sl_atomic_u64 *words = (sl_atomic_u64 *)(memory + 2);
  for (size_t i = 0; i < count; i++) ::new (&words[i]) sl_atomic_u64();
  return words;
}

void release_words(sl_atomic_u64 *words) {
  if (words == nullptr) return;
  size_t *memory = (size_t *)words - 2;
  for (size_t i = 0; i < memory[0]; i++) words[i].~atomic_word();
  rl::rl_free(memory, $);
}

}  // namespace model
