/* sl_spmc_ring.h under the model: one producer, two consumers, small capacities, positions that wrap around. */
#include "words.hpp"

#include "sl_spmc_ring.h"

#include "../../CSupport/sl_spmc_ring.c"

enum { SPMC_PRODUCER = 0 };
/* Two positions below the wrap-around. */
static const uint64_t SPMC_FIRST = UINT64_MAX - 1;

/* What all tests of this ring have: elements of some words, each of them told by its number. */
template <typename Suite, size_t CAPACITY, unsigned THREADS, size_t WORDS = 1>
struct spmc_ring_base : rl::test_suite<Suite, THREADS> {
  enum { SIZE = WORDS * 8 - 4 }; /* the last word is not a whole one */
  sl_spmc_ring ring;
  int taken[8];  /* how often each element came out */
  int published; /* in the order of the run */
  /* Published and not taken. Exact: threads change only before an operation, and the last of a take is its claim. */
  int standing;

  void before() {
    sl_spmc_ring_init(&ring, CAPACITY, SIZE, SPMC_FIRST);
    memset(taken, 0, sizeof taken);
    published = standing = 0;
  }

  /* The words of an element have nothing in common with those of another, nor with a fresh slot. */
  static uint32_t half(int element, size_t i) { return (uint32_t)((i + 1) * 100 + element); }

  void put(size_t index, int element) {
    uint32_t halves[WORDS * 2 - 1];
    for (size_t i = 0; i < WORDS * 2 - 1; i++) halves[i] = half(element, i);
    sl_spmc_ring_put(&ring, index, halves, SIZE);
  }

  void publish(size_t n) {
    sl_spmc_ring_publish(&ring, n);
    published += (int)n;
    standing += (int)n;
    RL_ASSERT(standing <= (int)CAPACITY);
  }

  /* The next element of the producer, whose number is how many there were before. */
  bool enqueue() {
    if (sl_spmc_ring_room(&ring, 1) == 0) return false;
    put(0, published);
    publish(1);
    return true;
  }

  /* -1: empty. */
  int dequeue() {
    uint32_t halves[WORDS * 2 - 1];
    if (!sl_spmc_ring_try_take(&ring, halves, SIZE)) return -1;
    RL_ASSERT(--standing >= 0);
    int element = (int)halves[0] - 100;
    RL_ASSERT(element >= 0 && element < published);
    for (size_t i = 0; i < WORDS * 2 - 1; i++) RL_ASSERT(halves[i] == half(element, i));
    RL_ASSERT(++taken[element] == 1);
    return element;
  }

  void after() {
    RL_ASSERT(sl_spmc_ring_count(&ring) == (size_t)standing);
    while (dequeue() >= 0) {}
    for (int i = 0; i < published; i++) RL_ASSERT(taken[i] == 1);
    RL_ASSERT(standing == 0 && sl_spmc_ring_passed(&ring) == SPMC_FIRST + (uint64_t)published);
    RL_ASSERT(sl_spmc_ring_room(&ring, CAPACITY + 1) == CAPACITY);
    sl_spmc_ring_destroy(&ring);
  }
};

/* More rounds than places; each consumer's elements come in order. The consumers go on until all have come. */
template <size_t CAPACITY, size_t WORDS, int ELEMENTS, unsigned CONSUMERS = 2>
struct spmc_ring
    : spmc_ring_base<spmc_ring<CAPACITY, WORDS, ELEMENTS, CONSUMERS>, CAPACITY, 1 + CONSUMERS, WORDS> {
  int out; /* in the order of the run */

  void before() {
    spmc_ring_base<spmc_ring, CAPACITY, 1 + CONSUMERS, WORDS>::before();
    out = 0;
  }

  void thread(unsigned index) {
    if (index == SPMC_PRODUCER) {
      for (int i = 0; i < ELEMENTS; i++)
        while (!this->enqueue()) rl::yield(1, $);
      return;
    }
    for (int last = -1; out < ELEMENTS;) {
      int element = this->dequeue();
      if (element < 0) {
        rl::yield(1, $);
        continue;
      }
      out++;
      RL_ASSERT(element > last);
      last = element;
    }
  }
};
typedef spmc_ring<1, 1, 3> spmc_ring_of_1;
typedef spmc_ring<1, 2, 3> spmc_ring_of_1_of_two_words;
typedef spmc_ring<2, 2, 5> spmc_ring_of_2;
typedef spmc_ring<3, 1, 6> spmc_ring_of_3;
typedef spmc_ring<1, 2, 2, 1> spmc_ring_for_one;
MODEL_TEST(spmc_ring_of_1, 20000)
MODEL_TEST(spmc_ring_of_1_of_two_words, 20000)
MODEL_TEST(spmc_ring_of_2, 20000)
MODEL_TEST(spmc_ring_of_3, 20000)
MODEL_TEST_EXHAUSTIVE(spmc_ring_for_one, 500000)

/* Two consumers alone, at a full ring: each of them finds an element. */
struct spmc_full : spmc_ring_base<spmc_full, 2, 2, 2> {
  void before() {
    spmc_ring_base::before();
    for (int i = 0; i < 2; i++) enqueue();
  }
  void thread(unsigned) { RL_ASSERT(dequeue() >= 0); }
  void after() {
    RL_ASSERT(standing == 0);
    spmc_ring_base::after();
  }
};
MODEL_TEST_EXHAUSTIVE(spmc_full, 100000)

/* Rows of up to two, some of which the producer publishes in part only; each consumer tries so often. */
template <size_t CAPACITY> struct spmc_rows : spmc_ring_base<spmc_rows<CAPACITY>, CAPACITY, 3, 2> {
  void thread(unsigned index) {
    if (index == SPMC_PRODUCER) {
      for (int tries = 0; tries < 4; tries++) {
        size_t n = sl_spmc_ring_room(&this->ring, 2);
        RL_ASSERT(n <= 2 && n <= CAPACITY);
        for (size_t i = 0; i < n; i++) this->put(i, this->published + (int)i);
        if (n == 2 && rl::rand(2) == 0) n = 1;
        if (n > 0) this->publish(n);
        if (n == 0) rl::yield(1, $);
      }
      return;
    }
    for (int last = -1, tries = 0; tries < 3; tries++) {
      int element = this->dequeue();
      if (element < 0) continue;
      RL_ASSERT(element > last);
      last = element;
    }
  }
};
typedef spmc_rows<1> spmc_rows_of_1;
typedef spmc_rows<2> spmc_rows_of_2;
typedef spmc_rows<3> spmc_rows_of_3;
MODEL_TEST(spmc_rows_of_1, 20000)
MODEL_TEST(spmc_rows_of_2, 20000)
MODEL_TEST(spmc_rows_of_3, 20000)

/* [SM1] What the producer did before it published: consumers see it, and not the element alone. */
template <unsigned CONSUMERS>
struct spmc_element : spmc_ring_base<spmc_element<CONSUMERS>, 2, 1 + CONSUMERS> {
  rl::var<int> before_publish[2];

  void before() {
    spmc_ring_base<spmc_element, 2, 1 + CONSUMERS>::before();
    for (auto &each : before_publish) VAR(each) = 0;
  }

  void thread(unsigned index) {
    if (index == SPMC_PRODUCER) {
      for (int i = 0; i < 2; i++) {
        VAR(before_publish[i]) = 1;
        RL_ASSERT(this->enqueue());
      }
      return;
    }
    int element;
    while ((element = this->dequeue()) < 0) rl::yield(1, $);
    RL_ASSERT(VAR(before_publish[element]) == 1);
  }
};
typedef spmc_element<1> spmc_element_carries;
typedef spmc_element<2> spmc_elements_carry;
MODEL_TEST_EXHAUSTIVE(spmc_element_carries, 100000)
MODEL_TEST(spmc_elements_carry, 20000)

/* [SM2] The producer that has found room, or has seen how far the flow has come, sees what the consumers did before
 * they took. There are more slots than places: a slot that was never used says nothing. */
template <bool PASSED, unsigned CONSUMERS>
struct spmc_room : spmc_ring_base<spmc_room<PASSED, CONSUMERS>, 3, 1 + CONSUMERS> {
  rl::var<int> before_take[CONSUMERS];

  void before() {
    spmc_ring_base<spmc_room, 3, 1 + CONSUMERS>::before();
    for (auto &each : before_take) VAR(each) = 0;
    for (int i = 0; i < 3; i++) this->enqueue();
  }

  void thread(unsigned index) {
    if (index != SPMC_PRODUCER) {
      VAR(before_take[index - 1]) = 1;
      RL_ASSERT(this->dequeue() >= 0);
      return;
    }
    if (PASSED)
      while (sl_spmc_ring_passed(&this->ring) != SPMC_FIRST + CONSUMERS) rl::yield(1, $);
    else
      while (sl_spmc_ring_room(&this->ring, CONSUMERS) < CONSUMERS) rl::yield(1, $);
    for (auto &each : before_take) RL_ASSERT(VAR(each) == 1);
    RL_ASSERT(this->enqueue());
  }
};
typedef spmc_room<false, 1> spmc_room_carries;
typedef spmc_room<false, 2> spmc_room_of_two_carries;
typedef spmc_room<true, 1> spmc_passed_carries;
typedef spmc_room<true, 2> spmc_passed_by_two_carries;
MODEL_TEST_EXHAUSTIVE(spmc_room_carries, 100000)
MODEL_TEST(spmc_room_of_two_carries, 20000)
MODEL_TEST_EXHAUSTIVE(spmc_passed_carries, 100000)
MODEL_TEST(spmc_passed_by_two_carries, 20000)

/* [SM3] A third thread counts: never more than were ever published, as it would with a head ahead of the tail. */
template <bool LATER> struct spmc_count : spmc_ring_base<spmc_count<LATER>, 3, 3> {
  model::signpost tried;

  void before() {
    spmc_ring_base<spmc_count, 3, 3>::before();
    tried.reach(0);
  }

  void thread(unsigned index) {
    if (index == SPMC_PRODUCER) {
      for (int i = 0; i < 2; i++) this->enqueue();
    } else if (index == 1) {
      for (int i = 0; i < 2; i++) this->dequeue();
      if (LATER) tried.reach(1);
    } else {
      if (LATER) tried.await(1);
      RL_ASSERT(sl_spmc_ring_count(&this->ring) <= 2);
    }
  }
};
typedef spmc_count<false> spmc_counted;
typedef spmc_count<true> spmc_counted_later;
MODEL_TEST(spmc_counted, 20000)
MODEL_TEST_EXHAUSTIVE(spmc_counted, 200000)
MODEL_TEST(spmc_counted_later, 20000)

/* [SM3] "Empty" is true. One consumer takes all elements but one, and only if it knows of all; the other must find one
 * then. Would it come to a later place with the tail of an earlier one, it would find nothing there. */
template <int ELEMENTS, bool LATER> struct spmc_truth : spmc_ring_base<spmc_truth<ELEMENTS, LATER>, ELEMENTS, 3> {
  model::signpost taken_by_other;

  void before() {
    spmc_ring_base<spmc_truth, ELEMENTS, 3>::before();
    taken_by_other.reach(0);
    this->enqueue();
  }

  void thread(unsigned index) {
    if (index == SPMC_PRODUCER) {
      for (int i = 1; i < ELEMENTS; i++) RL_ASSERT(this->enqueue());
    } else if (index == 1) {
      /* Relaxed: it orders nothing, but that later looks see no older tail. */
      while (sl_load_relaxed_u64(&this->ring.tail_) != SPMC_FIRST + ELEMENTS) {
        if (!LATER) return;
        rl::yield(1, $);
      }
      for (int i = 1; i < ELEMENTS; i++) RL_ASSERT(this->dequeue() >= 0);
      taken_by_other.reach(1);
    } else {
      if (LATER) taken_by_other.await(1);
      RL_ASSERT(this->dequeue() >= 0);
    }
  }
};
typedef spmc_truth<2, false> spmc_empty_is_true;
typedef spmc_truth<3, true> spmc_empty_is_true_later;
MODEL_TEST(spmc_empty_is_true_later, 20000)
MODEL_TEST_EXHAUSTIVE(spmc_empty_is_true, 500000)

/* Callers that sleep. Of a consumer that says that it sleeps and finds nothing, and a producer that publishes and looks
 * for sleepers, one sees the other; and so with a producer that finds no room and consumers that take. */
template <bool CONSUMER_SLEEPS> struct spmc_sleeping : spmc_ring_base<spmc_sleeping<CONSUMER_SLEEPS>, 1, 2> {
  sl_atomic_u32 sleeps;
  bool found, woken;

  void before() {
    spmc_ring_base<spmc_sleeping, 1, 2>::before();
    sl_store_relaxed_u32(&sleeps, 0);
    found = woken = false;
    if (!CONSUMER_SLEEPS) this->enqueue();
  }

  bool act(bool as_consumer) { return as_consumer ? this->dequeue() >= 0 : this->enqueue(); }

  void thread(unsigned index) {
    if (index == 0) {
      sl_store_relaxed_u32(&sleeps, 1);
      sl_fence_seq_cst();
      found = act(CONSUMER_SLEEPS);
    } else {
      RL_ASSERT(act(!CONSUMER_SLEEPS));
      sl_fence_seq_cst();
      woken = sl_load_relaxed_u32(&sleeps) == 1;
    }
  }

  void after() {
    RL_ASSERT(found || woken);
    spmc_ring_base<spmc_sleeping, 1, 2>::after();
  }
};
typedef spmc_sleeping<true> spmc_consumer_sleeps;
typedef spmc_sleeping<false> spmc_producer_sleeps;
MODEL_TEST(spmc_consumer_sleeps, 20000)
MODEL_TEST_EXHAUSTIVE(spmc_consumer_sleeps, 10000)
MODEL_TEST(spmc_producer_sleeps, 20000)
MODEL_TEST_EXHAUSTIVE(spmc_producer_sleeps, 10000)
