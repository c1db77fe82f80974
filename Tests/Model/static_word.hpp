/*
 * static_word.hpp: for a .c file of the core whose words are there before main. Define sl_atomic_u64 to
 * model::static_word around including it, and begin and end each word in each iteration of a test.
 */
#ifndef SL_MODEL_STATIC_WORD_HPP
#define SL_MODEL_STATIC_WORD_HPP

#include "model.hpp"

namespace model {

/* A word of a table that is there before main: relacy sees it made when a test begins. */
class static_word {
  struct rmw_only {
    alignas(sl_atomic_u64) char bytes[sizeof(sl_atomic_u64)];
    sl_atomic_u64 &word() { return *(sl_atomic_u64 *)bytes; }
    template <typename Type, typename Operand>
    uint64_t rmw(Type type, Operand operand, rl::memory_order order, rl::debug_info_param info) {
      return word().value.rmw(type, (uint64_t)operand, order, info);
    }
  };

public:
  rmw_only value;
  uint64_t load(const site &s, rl::debug_info_param info) { return value.word().load(s, info); }
  void store(const site &s, uint64_t v, rl::debug_info_param info) { value.word().store(s, v, info); }
  bool cas(const site &s, uint64_t *expected, uint64_t desired, rl::debug_info_param info) {
    return value.word().cas(s, expected, desired, info);
  }
  void begin();
  void end() { value.word().~atomic_word(); }
};

#undef new
inline void static_word::begin() { sl_store_relaxed_u64(::new (value.bytes) sl_atomic_u64(), 0); }

}  // namespace model

#endif
