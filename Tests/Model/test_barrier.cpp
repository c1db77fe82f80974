/* sl_barrier.h under the model: of a side that runs often and one that runs seldom, one sees the other. */
#include "system.hpp"

#include "sl_barrier.h"

template <model::barriers KIND> struct barrier_sides : rl::test_suite<barrier_sides<KIND>, 2> {
  sl_atomic_u32 often, seldom;
  bool seen[2];
  void before() {
    model::begin_system(KIND);
    sl_store_relaxed_u32(&often, 0);
    sl_store_relaxed_u32(&seldom, 0);
    seen[0] = seen[1] = false;
  }
  void thread(unsigned index) {
    if (index == 0) {
      sl_store_relaxed_u32(&often, 1);
      sl_barrier_often();
      seen[0] = sl_load_relaxed_u32(&seldom) == 1;
    } else {
      sl_store_relaxed_u32(&seldom, 1);
      sl_barrier_seldom();
      seen[1] = sl_load_relaxed_u32(&often) == 1;
    }
  }
  void after() { RL_ASSERT(seen[0] || seen[1]); }
};
typedef barrier_sides<model::ASYMMETRIC> barrier_asymmetric;
typedef barrier_sides<model::SYMMETRIC> barrier_symmetric;
MODEL_TEST(barrier_asymmetric, 5000)
MODEL_TEST(barrier_symmetric, 5000)
