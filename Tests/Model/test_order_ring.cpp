/* sl_order_ring.h under the model: numbers written in any order, taken in theirs, and who sleeps for them. */
#include "system.hpp"
#include "words.hpp"

#include "sl_event_count.h"
#include "sl_order_ring.h"

/* A turn stands at the beginning of each slot. */
static size_t bytes_of_a_slot() {
  size_t bytes = 16;
  while (bytes < sizeof(sl_atomic_u64)) bytes *= 2;
  return bytes;
}

#define SL_ORDER_RING_MEMORY_
static char *make_zeroes(size_t bytes, size_t, void **memory) {
  sl_atomic_u64 *words = model::allocate_words(bytes, bytes_of_a_slot());
  for (size_t at = 0; at < bytes; at += bytes_of_a_slot())
    sl_store_relaxed_u64((sl_atomic_u64 *)((char *)words + at), 0);
  *memory = words;
  return (char *)words;
}

#include "../../CSupport/sl_order_ring.c"

/* What all tests have: numbers from just below the wrap-around, here counted from 0, with elements that say which
 * number they are, and which of them came out. */
template <typename Suite, size_t CAPACITY, unsigned THREADS> struct order_ring_base : rl::test_suite<Suite, THREADS> {
  enum { NUMBERS = 8 };
  sl_order_ring ring;
  rl::var<int> elements[4];
  int written[NUMBERS], taken[NUMBERS]; /* how often, as elements */

  static uint64_t number(int n) { return UINT64_MAX + (uint64_t)n; } /* the first one is the last before 0 */

  void before() {
    sl_order_ring_init(&ring, CAPACITY, 0, 1, number(0));
    memset(written, 0, sizeof written);
    memset(taken, 0, sizeof taken);
  }

  rl::var<int> &element(int n) { return elements[sl_order_ring_slot_of(&ring, number(n))]; }

  bool write(int n, bool is_hole = false) {
    if (!sl_order_ring_has_room(&ring, number(n))) return false;
    if (is_hole) {
      sl_order_ring_skip(&ring, number(n));
      return true;
    }
    VAR(element(n)) = n;
    written[n]++;
    sl_order_ring_commit(&ring, number(n));
    return true;
  }

  bool try_write(int n, bool is_hole = false) {
    for (int tries = 0; tries < model::TRIES; tries++) {
      if (write(n, is_hole)) return true;
      rl::yield(1, $);
    }
    return false;
  }

  /* The number; -1: nothing. */
  int take(bool *is_hole = nullptr) {
    sl_order_ticket ticket;
    sl_order_found found = sl_order_ring_try_take(&ring, &ticket);
    if (found == SL_ORDER_NOTHING) return -1;
    int n = (int)(sl_order_ring_position_(&ring, number(0)) == ticket.position_
                      ? 0
                      : (ticket.position_ >> ring.slot_shift_) + 1);
    if (is_hole) *is_hole = found == SL_ORDER_HOLE;
    if (found == SL_ORDER_ELEMENT) {
      int value = VAR(element(n));
      RL_ASSERT(value == n && ++taken[n] == 1);
    }
    sl_order_ring_release(&ring, ticket);
    return n;
  }

  void after() {
    int all = 0, out = 0;
    while (take() >= 0) {}
    for (int n : written) all += n;
    for (int n : taken) out += n;
    for (size_t slot = 0; slot < sl_order_ring_slots(&ring); slot++)
      if (sl_order_ring_left(&ring, slot, 1) != NULL) out++;
    RL_ASSERT(all == out);
    sl_order_ring_destroy(&ring);
  }
};

/* Two producers have every other number; one consumer gets all in order. HOLE is a number without an element. */
template <size_t CAPACITY, int HOLE>
struct order_two_producers : order_ring_base<order_two_producers<CAPACITY, HOLE>, CAPACITY, 3> {
  void thread(unsigned index) {
    if (index < 2) {
      for (int n = (int)index; n < 4; n += 2) {
        if (!this->try_write(n, n == HOLE)) return;
        RL_ASSERT(sl_order_ring_span(&this->ring, this->number(n)) <= CAPACITY);
      }
      return;
    }
    int next = 0;
    for (int tries = 0; tries < 5; tries++) {
      bool is_hole;
      int n = this->take(&is_hole);
      if (n < 0) continue;
      RL_ASSERT(n == next++ && is_hole == (n == HOLE));
    }
  }
};
typedef order_two_producers<1, 1> order_two_producers_of_1;
typedef order_two_producers<2, -1> order_two_producers_of_2;
typedef order_two_producers<3, 2> order_two_producers_of_3;
MODEL_TEST(order_two_producers_of_1, 20000)
MODEL_TEST(order_two_producers_of_2, 20000)
MODEL_TEST(order_two_producers_of_3, 20000)

/* Two consumers: what each gets is in order, and each number comes to one of them. */
template <size_t CAPACITY> struct order_two_consumers : order_ring_base<order_two_consumers<CAPACITY>, CAPACITY, 3> {
  void thread(unsigned index) {
    if (index == 0) {
      for (int n = 0; n < 4; n++)
        if (!this->try_write(n, n == 2)) return;
      return;
    }
    int last = -1;
    for (int tries = 0; tries < 3; tries++) {
      int n = this->take();
      RL_ASSERT(n < 0 || n > last);
      if (n >= 0) last = n;
    }
  }
};
typedef order_two_consumers<1> order_two_consumers_of_1;
typedef order_two_consumers<2> order_two_consumers_of_2;
typedef order_two_consumers<3> order_two_consumers_of_3;
MODEL_TEST(order_two_consumers_of_1, 20000)
MODEL_TEST(order_two_consumers_of_2, 20000)
MODEL_TEST(order_two_consumers_of_3, 20000)

/* Who gets the room that a release made sees what came before it. There are more slots than places here, so the
 * slot's own turn does not say it. */
struct order_room_carries : order_ring_base<order_room_carries, 3, 2> {
  rl::var<int> before_release;
  void before() {
    order_ring_base<order_room_carries, 3, 2>::before();
    VAR(before_release) = 0;
    for (int n = 0; n < 3; n++) write(n);
  }
  void thread(unsigned index) {
    if (index == 0) {
      VAR(before_release) = 1;
      take();
    } else if (try_write(3)) {
      RL_ASSERT(VAR(before_release) == 1);
    }
  }
};
MODEL_TEST(order_room_carries, 30000)
MODEL_TEST_EXHAUSTIVE(order_room_carries, 100000)

/* A slot comes from one element to the next by way of a hole, through four threads: the first element is moved out
 * before the next one is written. */
struct order_hole_carries : order_ring_base<order_hole_carries, 1, 4> {
  void before() {
    order_ring_base<order_hole_carries, 1, 4>::before();
    write(0);
  }
  void thread(unsigned index) {
    if (index == 0) take();
    else if (index == 1) try_write(1, true);
    else if (index == 2) try_take_hole();
    else try_write(2);
  }
  void try_take_hole() {
    /* Not the first element, whose taker would then be this thread. */
    for (int tries = 0; tries < model::TRIES; tries++) {
      if (sl_load_relaxed_u64(&ring.head_) == sl_order_ring_position_(&ring, number(1))) take();
      rl::yield(1, $);
    }
  }
};
MODEL_TEST(order_hole_carries, 40000)

/* Sleepers, on a word each. */
template <typename Suite, size_t CAPACITY, unsigned THREADS>
struct order_sleepers : order_ring_base<Suite, CAPACITY, THREADS> {
  sl_atomic_u64 word;
  sl_event_count event;
  sl_atomic_u32 woken[2];

  void before() {
    model::begin_system(model::SYMMETRIC);
    order_ring_base<Suite, CAPACITY, THREADS>::before();
    sl_event_count_init(&event, &word, 2);
    for (auto &w : woken) sl_store_relaxed_u32(&w, 0);
  }
  void sleep(uint32_t waiter) {
    while (sl_load_acquire_u32(&woken[waiter]) == 0) sl_futex_wait(&woken[waiter], 0, UINT64_MAX);
    sl_exchange_acquire_u32(&woken[waiter], 0);
  }
  void wake(uint32_t waiter) {
    sl_store_release_u32(&woken[waiter], 1);
    sl_futex_wake(&woken[waiter], 1);
  }
};

/* Two consumers sleep until each has got one of two numbers, which are written by two producers; or by one, the
 * later number first. A wake-up that goes astray is a deadlock. */
template <unsigned PRODUCERS>
struct order_consumers_sleep : order_sleepers<order_consumers_sleep<PRODUCERS>, 2, 2 + PRODUCERS> {
  void thread(unsigned index) {
    if (index < 2) return get_one(index);
    for (int n = PRODUCERS == 2 ? (int)index - 2 : 1; n >= 0; n -= PRODUCERS == 2 ? 2 : 1) {
      this->write(n);
      if (sl_order_ring_written(&this->ring, this->number(n))) wake_one();
    }
  }
  void get_one(uint32_t waiter) {
    for (;;) {
      if (this->take() >= 0) {
        if (sl_order_ring_released(&this->ring)) wake_one();
        return;
      }
      sl_event_count_announce(&this->event, waiter);
      if (sl_order_ring_is_ready(&this->ring)) {
        sl_event_count_retract(&this->event, waiter);
        continue;
      }
      this->sleep(waiter);
    }
  }
  void wake_one() {
    uint32_t waiter = sl_event_count_take_from(&this->event, 0);
    if (waiter != SL_EVENT_COUNT_NONE) this->wake(waiter);
  }
  void after() {
    RL_ASSERT(this->taken[0] == 1 && this->taken[1] == 1);
    order_sleepers<order_consumers_sleep, 2, 2 + PRODUCERS>::after();
  }
};
typedef order_consumers_sleep<1> order_consumers_sleep_for_one;
typedef order_consumers_sleep<2> order_consumers_sleep_for_two;
MODEL_TEST(order_consumers_sleep_for_one, 40000)
MODEL_TEST(order_consumers_sleep_for_two, 40000)

/* Two producers sleep until there is room for their numbers; the one that takes wakes those that have it. With
 * capacity 3 there are four slots, and a place comes free by the release of another slot than its own. */
template <size_t CAPACITY>
struct order_producers_sleep : order_sleepers<order_producers_sleep<CAPACITY>, CAPACITY, 3> {
  sl_atomic_u64 waits_for[2];
  void before() {
    order_sleepers<order_producers_sleep, CAPACITY, 3>::before();
    for (auto &each : waits_for) sl_store_relaxed_u64(&each, this->number(0));
    for (int n = 0; n < (int)CAPACITY; n++) this->write(n);
  }
  void thread(unsigned index) {
    int first = (int)CAPACITY;
    if (index < 2) return put(index, first + (int)index);
    for (int n = 0; n < first + 2;) {
      if (this->take() < 0) {
        rl::yield(1, $);
        continue;
      }
      n++;
      sl_order_ring_released(&this->ring);
      for (uint32_t waiter = 0; waiter < 2; waiter++)
        if (sl_event_count_is_announced(&this->event, waiter) &&
            sl_order_ring_has_room(&this->ring, sl_load_relaxed_u64(&waits_for[waiter])) &&
            sl_event_count_take_waiter(&this->event, waiter))
          this->wake(waiter);
    }
  }
  void put(uint32_t waiter, int n) {
    sl_store_relaxed_u64(&waits_for[waiter], this->number(n));
    while (!this->write(n)) {
      sl_event_count_announce(&this->event, waiter);
      if (sl_order_ring_has_room(&this->ring, this->number(n)))
        sl_event_count_retract(&this->event, waiter);
      else
        this->sleep(waiter);
    }
    sl_order_ring_written(&this->ring, this->number(n));
  }
};
typedef order_producers_sleep<1> order_producers_sleep_for_1;
typedef order_producers_sleep<2> order_producers_sleep_for_2;
typedef order_producers_sleep<3> order_producers_sleep_for_3;
MODEL_TEST(order_producers_sleep_for_1, 30000)
MODEL_TEST(order_producers_sleep_for_2, 30000)
MODEL_TEST(order_producers_sleep_for_3, 30000)
