/* sl_crash.c under the model: of the threads that pass crash points, one comes to the chosen point, once. */
#include "static_word.hpp"

#include "sl_crash.h"

#include <signal.h>
#include <unistd.h>

static int ends;
#define kill(pid, signal) ((void)ends++)
#define sl_atomic_u64 model::static_word
#include "../../CSupport/sl_crash.c"
#undef sl_atomic_u64
#undef kill

struct crash_points : rl::test_suite<crash_points, 2> {
  enum { EACH = 2, CHOSEN = 3 };

  void before() {
    passed.begin();
    chosen.begin();
    ends = 0;
    sl_crash_at(CHOSEN);
  }
  void thread(unsigned) {
    for (int i = 0; i < EACH; i++) sl_crash_point();
  }
  void after() {
    RL_ASSERT(ends == 1 && sl_crash_points_passed() == 2 * EACH);
    passed.end();
    chosen.end();
  }
};
MODEL_TEST(crash_points, 2000)
