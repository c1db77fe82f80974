/* words.cpp: memory in which relacy sees each word made and unmade. */
#include "model.hpp"

#undef new

namespace model {

/* relacy's atomics are constructed and destroyed where a thread of a test runs; how many there are
 * and how far apart stands in front of them. */
static sl_atomic_u64 *word_at(size_t *memory, size_t i) {
  return (sl_atomic_u64 *)((char *)(memory + 2) + i * memory[1]);
}

sl_atomic_u64 *allocate_words(size_t bytes, size_t apart) {
  size_t count = (bytes + apart - 1) / apart;
  size_t *memory = (size_t *)rl::rl_malloc(16 + count * apart, $);
  memory[0] = count;
  memory[1] = apart;
  for (size_t i = 0; i < count; i++) ::new (word_at(memory, i)) sl_atomic_u64();
  return word_at(memory, 0);
}

void release_words(sl_atomic_u64 *words) {
  if (words == nullptr) return;
  size_t *memory = (size_t *)words - 2;
  for (size_t i = 0; i < memory[0]; i++) word_at(memory, i)->~atomic_word();
  rl::rl_free(memory, $);
}

}  // namespace model
