/* sl_inbox.h under the model: what was put in is taken out, and so is what came before each put. */
#include "model.hpp"

#include "sl_inbox.h"

/* Each of two putters puts its node in several times, having done something before each time. The taker goes
 * on until it has seen the last of both: it would do so for ever if a put were lost. */
template <unsigned PUTTERS, uint32_t PUTS> struct inbox_base : rl::test_suite<inbox_base<PUTTERS, PUTS>, PUTTERS + 1> {
  sl_inbox inbox;
  sl_inbox_node nodes[PUTTERS];
  sl_atomic_u32 done[PUTTERS];
  rl::var<int> before_put[PUTTERS];

  void before() {
    sl_inbox_init(&inbox);
    for (unsigned i = 0; i < PUTTERS; i++) {
      sl_inbox_node_init(&nodes[i], &done[i]);
      sl_store_relaxed_u32(&done[i], 0);
      VAR(before_put[i]) = 0;
    }
  }

  void put(unsigned index) {
    VAR(before_put[index]) = 1;
    for (uint32_t i = 1; i <= PUTS; i++) {
      sl_store_relaxed_u32(&done[index], i);
      sl_inbox_put(&inbox, &nodes[index]);
    }
  }

  void take() {
    for (unsigned complete = 0; complete < PUTTERS;) {
      sl_inbox_node *node = sl_inbox_take_all(&inbox);
      if (node == NULL) rl::yield(1, $);
      while (node != NULL) {
        sl_atomic_u32 *done_by_owner = (sl_atomic_u32 *)node->owner;
        sl_inbox_node *next = sl_inbox_take_out(node);
        RL_ASSERT(VAR(before_put[done_by_owner - done]) == 1);
        if (sl_load_relaxed_u32(done_by_owner) == PUTS) complete++;
        node = next;
      }
    }
  }

  void thread(unsigned index) {
    if (index < PUTTERS)
      put(index);
    else
      take();
  }

  void after() {
    /* The last put may have found the node in, or put it in once more. */
    for (sl_inbox_node *node = sl_inbox_take_all(&inbox); node != NULL;) node = sl_inbox_take_out(node);
    RL_ASSERT(sl_inbox_is_empty(&inbox));
    for (unsigned i = 0; i < PUTTERS; i++) RL_ASSERT(sl_inbox_put(&inbox, &nodes[i]));
  }
};
typedef inbox_base<1, 2> inbox_of_one;
typedef inbox_base<2, 1> inbox_of_two;
MODEL_TEST(inbox_of_one, 30000)
MODEL_TEST_EXHAUSTIVE(inbox_of_one, 100000)
MODEL_TEST(inbox_of_two, 30000)

/* Two put the same node: one of them finds it in, or puts it in anew, and the taker sees what each did before. */
struct inbox_of_one_node : rl::test_suite<inbox_of_one_node, 3> {
  sl_inbox inbox;
  sl_inbox_node node;
  sl_atomic_u32 done[2];
  int puts;  /* that were not refused, in the order of the run */
  int takes;

  void before() {
    sl_inbox_init(&inbox);
    sl_inbox_node_init(&node, NULL);
    for (auto &each : done) sl_store_relaxed_u32(&each, 0);
    puts = takes = 0;
  }

  void thread(unsigned index) {
    if (index < 2) {
      sl_store_relaxed_u32(&done[index], 1);
      puts += sl_inbox_put(&inbox, &node);
      return;
    }
    do {
      sl_inbox_node *first = sl_inbox_take_all(&inbox);
      if (first == NULL) {
        rl::yield(1, $);
        continue;
      }
      takes++;
      RL_ASSERT(first == &node && sl_inbox_take_out(first) == NULL);
      if (sl_load_relaxed_u32(&done[0]) + sl_load_relaxed_u32(&done[1]) == 2) break;
    } while (true);
  }

  void after() {
    if (sl_inbox_node *first = sl_inbox_take_all(&inbox)) {
      takes++;
      sl_inbox_take_out(first);
    }
    RL_ASSERT(puts == takes && sl_inbox_is_empty(&inbox));
  }
};
MODEL_TEST(inbox_of_one_node, 30000)
MODEL_TEST_EXHAUSTIVE(inbox_of_one_node, 200000)
