/* sl_thread_number.c under the model: numbers that go from a thread that ends to one that begins. */
#include "static_word.hpp"

#include "sl_thread_number.h"

#include <pthread.h>
#include <stdlib.h>

#define sl_atomic_u64 model::static_word
#include "../../CSupport/sl_thread_number.c"
#undef sl_atomic_u64

/* Each thread has a number twice in its life, as one that is asked again by a later destructor, and uses what
 * is kept at that index. All share the thread-local variable: it is set whenever it is to be looked at. */
struct thread_numbers : rl::test_suite<thread_numbers, 3> {
  rl::var<int> kept[3];
  bool in_use[3];

  void before() {
    used[0].begin();
    for (int i = 0; i < 3; i++) {
      VAR(kept[i]) = 0;
      in_use[i] = false;
    }
  }

  void thread(unsigned) {
    for (int i = 0; i < 2; i++) {
      sl_thread_number_plus_1_ = 0;
      uint32_t number = sl_thread_number();
      RL_ASSERT(number < 3 && !in_use[number] && sl_thread_number() == number);
      in_use[number] = true;
      VAR(kept[number]) = VAR(kept[number]) + 1;
      in_use[number] = false;
      sl_thread_number_plus_1_ = number + 1;
      thread_ends(nullptr);
    }
  }

  void after() {
    RL_ASSERT(VAR(kept[0]) + VAR(kept[1]) + VAR(kept[2]) == 6);
    used[0].end();
  }
};
MODEL_TEST(thread_numbers, 10000)
