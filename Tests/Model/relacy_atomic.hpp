/*
 * relacy_atomic.hpp: what SL_ATOMIC_HEADER stands for under the model checker. The same names as in
 * sl_atomic.h, over relacy's atomics; each use in the real headers is a *site* that registers itself
 * and can be weakened at run time.
 */
#ifndef SL_MODEL_RELACY_ATOMIC_HPP
#define SL_MODEL_RELACY_ATOMIC_HPP

#include <cstdint>
#include <cstring>

#include <relacy/relacy.hpp>

namespace model {

enum { MOST_SITES = 1024, MOST_TESTS = 256 };

/* One use of an atomic operation in the code under test. */
struct site {
  const char *file;
  int line;
  const char *operation;
  rl::memory_order order;
  bool is_fence;
  bool reached_by[MOST_TESTS];

  rl::memory_order now() const; /* the order, weakened if this site is the mutant */
  void reach() { reached_by[present_test] = true; }

  static size_t present_test;
};

/* The same one for every file that includes the header which it is in. */
site &site_at(const char *path, int line, const char *operation, rl::memory_order order, bool is_fence);

/* The mutant: one site with a weaker order. `removed` for fences. */
struct mutation {
  const site *at = nullptr;
  rl::memory_order order = rl::mo_relaxed;
  bool removed = false;
};
extern mutation mutant;

inline rl::memory_order site::now() const {
  return mutant.at == this ? mutant.order : order;
}

/* The order of a compare-and-swap that fails, from that of one that succeeds, as sl_atomic.h has it. */
inline rl::memory_order failure_order(rl::memory_order order) {
  switch (order) {
    case rl::mo_seq_cst: return rl::mo_seq_cst;
    case rl::mo_acq_rel:
    case rl::mo_acquire: return rl::mo_acquire;
    default: return rl::mo_relaxed;
  }
}

template <typename T> struct atomic_word {
  rl::atomic<T> value;
  T load(const site &s, rl::debug_info_param info) const { return value.load(s.now(), info); }
  void store(const site &s, T v, rl::debug_info_param info) { value.store(v, s.now(), info); }
  bool cas(const site &s, T *expected, T desired, rl::debug_info_param info) {
    T found = *expected;
    rl::memory_order order = s.now();
    /* One that fails is a load, which may see an old value; relacy's own sees the newest one always. */
    if (rl::rand(4) == 0) {
      T seen = value.load(failure_order(order), info);
      if (seen != found) {
        *expected = seen;
        return false;
      }
    }
    bool ok = value.compare_exchange(rl::bool_t<false>(), found, desired, order,
                                     failure_order(order), info);
    *expected = found;
    return ok;
  }
};

void fence(const site &s, rl::debug_info_param info);

/* A field that one thread hands on to another: relacy finds accesses that nothing orders. Taking its address
 * counts as writing it. */
template <typename T> class handed_on {
  rl::var<int> access_;
  T value_;

public:
  T operator=(T v) {
    access_($) = 1;
    return value_ = v;
  }
  operator T() const {
    (void)(int)access_($);
    return value_;
  }
  T *operator&() {
    access_($) = 1;
    return &value_;
  }
};

/* Calls that are left out in a mutant: fences, and what the tests make sites of. */
inline bool is_left_out(const site &s) { return mutant.at == &s && mutant.removed; }

}  // namespace model

/* One pause stands for any number. */
#define SL_BACKOFF_LIMITS_
enum { SL_BACKOFF_FIRST = 1, SL_BACKOFF_MOST = 1 };

#define SL_HANDED_ON(T) model::handed_on<T>

typedef model::atomic_word<uint32_t> sl_atomic_u32;
typedef model::atomic_word<uint64_t> sl_atomic_u64;

#define SL_SITE_(OPERATION, ORDER, FENCE)                                                          \
  ([]() -> model::site & {                                                                         \
    static model::site &here =                                                                     \
        model::site_at(__FILE__, __LINE__, OPERATION, rl::mo_##ORDER, FENCE);                      \
    here.reach();                                                                                  \
    return here;                                                                                   \
  }())
#define SL_LOAD_(O, a) ((a)->load(SL_SITE_("load", O, false), $))
#define SL_STORE_(O, a, v) ((a)->store(SL_SITE_("store", O, false), (v), $))
#define SL_CAS_(O, a, e, d) ((a)->cas(SL_SITE_("cas", O, false), (e), (d), $))
#define SL_RMW_(NAME, KIND, O, a, v)                                                               \
  ((a)->value.rmw(rl::rmw_type_t<rl::KIND>(), (v), SL_SITE_(NAME, O, false).now(), $))

#define sl_load_relaxed_u32(a) SL_LOAD_(relaxed, a)
#define sl_load_acquire_u32(a) SL_LOAD_(acquire, a)
#define sl_load_seq_cst_u32(a) SL_LOAD_(seq_cst, a)
#define sl_load_relaxed_u64(a) SL_LOAD_(relaxed, a)
#define sl_load_acquire_u64(a) SL_LOAD_(acquire, a)
#define sl_load_seq_cst_u64(a) SL_LOAD_(seq_cst, a)
#define sl_store_relaxed_u32(a, v) SL_STORE_(relaxed, a, v)
#define sl_store_release_u32(a, v) SL_STORE_(release, a, v)
#define sl_store_seq_cst_u32(a, v) SL_STORE_(seq_cst, a, v)
#define sl_store_relaxed_u64(a, v) SL_STORE_(relaxed, a, v)
#define sl_store_release_u64(a, v) SL_STORE_(release, a, v)
#define sl_store_seq_cst_u64(a, v) SL_STORE_(seq_cst, a, v)

#define sl_cas_relaxed_u32(a, e, d) SL_CAS_(relaxed, a, e, d)
#define sl_cas_acquire_u32(a, e, d) SL_CAS_(acquire, a, e, d)
#define sl_cas_release_u32(a, e, d) SL_CAS_(release, a, e, d)
#define sl_cas_acq_rel_u32(a, e, d) SL_CAS_(acq_rel, a, e, d)
#define sl_cas_seq_cst_u32(a, e, d) SL_CAS_(seq_cst, a, e, d)
#define sl_cas_relaxed_u64(a, e, d) SL_CAS_(relaxed, a, e, d)
#define sl_cas_acquire_u64(a, e, d) SL_CAS_(acquire, a, e, d)
#define sl_cas_release_u64(a, e, d) SL_CAS_(release, a, e, d)
#define sl_cas_acq_rel_u64(a, e, d) SL_CAS_(acq_rel, a, e, d)
#define sl_cas_seq_cst_u64(a, e, d) SL_CAS_(seq_cst, a, e, d)

#define sl_exchange_relaxed_u32(a, v) SL_RMW_("exchange", rmw_type_swap, relaxed, a, v)
#define sl_exchange_acquire_u32(a, v) SL_RMW_("exchange", rmw_type_swap, acquire, a, v)
#define sl_exchange_release_u32(a, v) SL_RMW_("exchange", rmw_type_swap, release, a, v)
#define sl_exchange_acq_rel_u32(a, v) SL_RMW_("exchange", rmw_type_swap, acq_rel, a, v)
#define sl_exchange_seq_cst_u32(a, v) SL_RMW_("exchange", rmw_type_swap, seq_cst, a, v)
#define sl_exchange_relaxed_u64 sl_exchange_relaxed_u32
#define sl_exchange_acquire_u64 sl_exchange_acquire_u32
#define sl_exchange_release_u64 sl_exchange_release_u32
#define sl_exchange_acq_rel_u64 sl_exchange_acq_rel_u32
#define sl_exchange_seq_cst_u64 sl_exchange_seq_cst_u32

#define sl_fetch_add_relaxed_u32(a, v) SL_RMW_("fetch_add", rmw_type_add, relaxed, a, v)
#define sl_fetch_add_acquire_u32(a, v) SL_RMW_("fetch_add", rmw_type_add, acquire, a, v)
#define sl_fetch_add_release_u32(a, v) SL_RMW_("fetch_add", rmw_type_add, release, a, v)
#define sl_fetch_add_acq_rel_u32(a, v) SL_RMW_("fetch_add", rmw_type_add, acq_rel, a, v)
#define sl_fetch_add_seq_cst_u32(a, v) SL_RMW_("fetch_add", rmw_type_add, seq_cst, a, v)
#define sl_fetch_add_relaxed_u64 sl_fetch_add_relaxed_u32
#define sl_fetch_add_acquire_u64 sl_fetch_add_acquire_u32
#define sl_fetch_add_release_u64 sl_fetch_add_release_u32
#define sl_fetch_add_acq_rel_u64 sl_fetch_add_acq_rel_u32
#define sl_fetch_add_seq_cst_u64 sl_fetch_add_seq_cst_u32

#define sl_fetch_sub_relaxed_u32(a, v) SL_RMW_("fetch_sub", rmw_type_sub, relaxed, a, v)
#define sl_fetch_sub_acquire_u32(a, v) SL_RMW_("fetch_sub", rmw_type_sub, acquire, a, v)
#define sl_fetch_sub_release_u32(a, v) SL_RMW_("fetch_sub", rmw_type_sub, release, a, v)
#define sl_fetch_sub_acq_rel_u32(a, v) SL_RMW_("fetch_sub", rmw_type_sub, acq_rel, a, v)
#define sl_fetch_sub_seq_cst_u32(a, v) SL_RMW_("fetch_sub", rmw_type_sub, seq_cst, a, v)
#define sl_fetch_sub_relaxed_u64 sl_fetch_sub_relaxed_u32
#define sl_fetch_sub_acquire_u64 sl_fetch_sub_acquire_u32
#define sl_fetch_sub_release_u64 sl_fetch_sub_release_u32
#define sl_fetch_sub_acq_rel_u64 sl_fetch_sub_acq_rel_u32
#define sl_fetch_sub_seq_cst_u64 sl_fetch_sub_seq_cst_u32

#define sl_fetch_or_relaxed_u32(a, v) SL_RMW_("fetch_or", rmw_type_or, relaxed, a, v)
#define sl_fetch_or_acquire_u32(a, v) SL_RMW_("fetch_or", rmw_type_or, acquire, a, v)
#define sl_fetch_or_release_u32(a, v) SL_RMW_("fetch_or", rmw_type_or, release, a, v)
#define sl_fetch_or_acq_rel_u32(a, v) SL_RMW_("fetch_or", rmw_type_or, acq_rel, a, v)
#define sl_fetch_or_seq_cst_u32(a, v) SL_RMW_("fetch_or", rmw_type_or, seq_cst, a, v)
#define sl_fetch_or_relaxed_u64 sl_fetch_or_relaxed_u32
#define sl_fetch_or_acquire_u64 sl_fetch_or_acquire_u32
#define sl_fetch_or_release_u64 sl_fetch_or_release_u32
#define sl_fetch_or_acq_rel_u64 sl_fetch_or_acq_rel_u32
#define sl_fetch_or_seq_cst_u64 sl_fetch_or_seq_cst_u32

#define sl_fetch_and_relaxed_u32(a, v) SL_RMW_("fetch_and", rmw_type_and, relaxed, a, v)
#define sl_fetch_and_acquire_u32(a, v) SL_RMW_("fetch_and", rmw_type_and, acquire, a, v)
#define sl_fetch_and_release_u32(a, v) SL_RMW_("fetch_and", rmw_type_and, release, a, v)
#define sl_fetch_and_acq_rel_u32(a, v) SL_RMW_("fetch_and", rmw_type_and, acq_rel, a, v)
#define sl_fetch_and_seq_cst_u32(a, v) SL_RMW_("fetch_and", rmw_type_and, seq_cst, a, v)
#define sl_fetch_and_relaxed_u64 sl_fetch_and_relaxed_u32
#define sl_fetch_and_acquire_u64 sl_fetch_and_acquire_u32
#define sl_fetch_and_release_u64 sl_fetch_and_release_u32
#define sl_fetch_and_acq_rel_u64 sl_fetch_and_acq_rel_u32
#define sl_fetch_and_seq_cst_u64 sl_fetch_and_seq_cst_u32

#define sl_fence_seq_cst() model::fence(SL_SITE_("fence", seq_cst, true), $)
/* Holds back compilers only; the model has none, since it performs what is written in the order written. */
#define sl_compiler_barrier() ((void)SL_SITE_("compiler barrier", relaxed, false))

/* Any spinning thread lets the others run: else the search would follow it for ever. */
#define sl_spin_pause() rl::yield(1, $)

#endif
