/* sl_mpmc_ring.h under the model: three threads, small capacities, positions that wrap around. */
#include "words.hpp"

#include "sl_mpmc_ring.h"

/* A turn stands at the beginning of each slot. */
static size_t bytes_of_a_slot() {
  size_t bytes = 16;
  while (bytes < sizeof(sl_atomic_u64)) bytes *= 2;
  return bytes;
}
#undef aligned_alloc
#define aligned_alloc(alignment, bytes) ((void *)model::allocate_words(bytes, bytes_of_a_slot()))

#include "../../CSupport/sl_mpmc_ring.c"

/* Elements one by one, in the form for one or in that for several. */
enum mpmc_form { SINGLE, MANY };

/* What all tests of this ring have: elements, and which of them came out. */
template <typename Suite, size_t CAPACITY, unsigned THREADS, mpmc_form FORM = SINGLE>
struct mpmc_ring_base : rl::test_suite<Suite, THREADS> {
  sl_mpmc_ring ring;
  rl::var<int> elements[4];
  int taken[16]; /* how often each element came out */
  int accepted;

  void before() {
    sl_mpmc_ring_init(&ring, CAPACITY, 0, 1, UINT64_MAX);
    memset(taken, 0, sizeof taken);
    accepted = 0;
  }

  size_t slot_of(sl_mpmc_ticket first, size_t index) {
    return sl_mpmc_ring_slot_of(&ring, sl_mpmc_ring_ticket_at(&ring, first, index));
  }

  bool enqueue(int element) {
    sl_mpmc_ticket ticket;
    bool claimed = FORM == SINGLE ? sl_mpmc_ring_try_claim(&ring, &ticket)
                                  : sl_mpmc_ring_try_claim_many(&ring, 1, &ticket) == 1;
    if (!claimed) return false;
    VAR(elements[sl_mpmc_ring_slot_of(&ring, ticket)]) = element;
    accepted++;
    sl_mpmc_ring_commit(ticket);
    return true;
  }

  int dequeue() {
    sl_mpmc_ticket ticket;
    bool took = FORM == SINGLE ? sl_mpmc_ring_try_take(&ring, &ticket)
                               : sl_mpmc_ring_try_take_many(&ring, 1, &ticket) == 1;
    if (!took) return -1;
    int element = VAR(elements[sl_mpmc_ring_slot_of(&ring, ticket)]);
    taken[element]++;
    RL_ASSERT(taken[element] == 1);
    sl_mpmc_ring_release(ticket);
    return element;
  }

  void after() {
    while (dequeue() >= 0) {}
    int all = 0;
    for (int n : taken) all += n;
    RL_ASSERT(all == accepted);
    sl_mpmc_ring_destroy(&ring);
  }
};

/* Two producers, one consumer: each producer's elements come out in order. */
template <size_t CAPACITY, mpmc_form FORM>
struct mpmc_two_producers : mpmc_ring_base<mpmc_two_producers<CAPACITY, FORM>, CAPACITY, 3, FORM> {
  void thread(unsigned index) {
    if (index < 2) {
      for (int i = 0; i < 2; i++)
        for (int tries = 0; tries < model::TRIES && !this->enqueue(index * 8 + i); tries++) rl::yield(1, $);
      return;
    }
    int last[2] = {-1, -1};
    for (int tries = 0; tries < 4; tries++) {
      int element = this->dequeue();
      if (element < 0) continue;
      RL_ASSERT(element % 8 > last[element / 8]);
      last[element / 8] = element % 8;
    }
  }
};
typedef mpmc_two_producers<1, SINGLE> mpmc_two_producers_of_1;
typedef mpmc_two_producers<2, SINGLE> mpmc_two_producers_of_2;
typedef mpmc_two_producers<2, MANY> mpmc_two_producers_of_many;
MODEL_TEST(mpmc_two_producers_of_1, 20000)
MODEL_TEST(mpmc_two_producers_of_2, 20000)
MODEL_TEST(mpmc_two_producers_of_many, 20000)

/* One producer, two consumers, more rounds than slots. */
template <size_t CAPACITY, mpmc_form FORM>
struct mpmc_two_consumers : mpmc_ring_base<mpmc_two_consumers<CAPACITY, FORM>, CAPACITY, 3, FORM> {
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 4; i++)
        for (int tries = 0; tries < model::TRIES && !this->enqueue(i); tries++) rl::yield(1, $);
      return;
    }
    int last = -1;
    for (int tries = 0; tries < 3; tries++) {
      int element = this->dequeue();
      RL_ASSERT(element < 0 || element > last);
      if (element >= 0) last = element;
    }
  }
};
typedef mpmc_two_consumers<1, SINGLE> mpmc_two_consumers_of_1;
typedef mpmc_two_consumers<3, SINGLE> mpmc_two_consumers_of_3;
typedef mpmc_two_consumers<3, MANY> mpmc_two_consumers_of_many;
MODEL_TEST(mpmc_two_consumers_of_1, 20000)
MODEL_TEST(mpmc_two_consumers_of_3, 20000)
MODEL_TEST(mpmc_two_consumers_of_many, 20000)

/* Several at once, beside single ones; with as many slots as elements, and with one more. */
template <size_t CAPACITY> struct mpmc_several : mpmc_ring_base<mpmc_several<CAPACITY>, CAPACITY, 3> {
  void thread(unsigned index) {
    for (int round = 0; round < 2; round++) {
      sl_mpmc_ticket ticket;
      if (index == 0) {
        this->enqueue(round);
      } else if (index == 1) {
        size_t n = sl_mpmc_ring_try_claim_many(&this->ring, 2, &ticket);
        for (size_t i = 0; i < n; i++) {
          VAR(this->elements[this->slot_of(ticket, i)]) = (int)(8 + round * 2 + i);
          this->accepted++;
        }
        sl_mpmc_ring_commit_many(&this->ring, ticket, n);
      } else {
        size_t n = sl_mpmc_ring_try_take_many(&this->ring, 2, &ticket);
        for (size_t i = 0; i < n; i++) {
          int element = VAR(this->elements[this->slot_of(ticket, i)]);
          RL_ASSERT(++this->taken[element] == 1);
        }
        sl_mpmc_ring_release_many(&this->ring, ticket, n);
      }
    }
  }
};
typedef mpmc_several<2> mpmc_several_of_2;
typedef mpmc_several<3> mpmc_several_of_3;
MODEL_TEST(mpmc_several_of_2, 30000)
MODEL_TEST(mpmc_several_of_3, 30000)

/* Who gets the room that a release made sees what came before it, as with a buffered channel in the Go
 * memory model. There are more slots than elements here, so the slot's own turn does not say it. */
template <mpmc_form FORM> struct mpmc_room : mpmc_ring_base<mpmc_room<FORM>, 3, 3, FORM> {
  rl::var<int> before_take;
  void before() {
    mpmc_ring_base<mpmc_room, 3, 3, FORM>::before();
    VAR(before_take) = 0;
    for (int i = 0; i < 3; i++) this->enqueue(i);
  }
  void thread(unsigned index) {
    if (index == 0) {
      VAR(before_take) = 1;
      this->dequeue();
    } else {
      for (int tries = 0; tries < model::TRIES; tries++)
        if (this->enqueue(2 + index)) {
          RL_ASSERT(VAR(before_take) == 1);
          break;
        }
    }
  }
};
typedef mpmc_room<SINGLE> mpmc_room_carries;
typedef mpmc_room<MANY> mpmc_room_of_many_carries;
MODEL_TEST(mpmc_room_carries, 60000)
MODEL_TEST(mpmc_room_of_many_carries, 60000)

/* Closing while two producers enqueue: what was accepted is what comes out before the end. */
template <mpmc_form FORM> struct mpmc_close : mpmc_ring_base<mpmc_close<FORM>, 2, 3, FORM> {
  rl::var<int> before_close;
  bool drained;
  void before() {
    mpmc_ring_base<mpmc_close, 2, 3, FORM>::before();
    VAR(before_close) = 0;
    drained = false;
  }
  void thread(unsigned index) {
    if (index == 0) {
      this->enqueue(0);
      this->enqueue(1);
    } else if (index == 1) {
      VAR(before_close) = 1;
      sl_mpmc_ring_close(&this->ring);
      RL_ASSERT(!this->enqueue(8) && sl_mpmc_ring_is_closed(&this->ring));
    } else {
      while (!sl_mpmc_ring_is_drained(&this->ring)) {
        this->dequeue();
        rl::yield(1, $);
      }
      RL_ASSERT(VAR(before_close) == 1);
      drained = true;
    }
  }
  void after() {
    RL_ASSERT(drained && this->dequeue() < 0);
    mpmc_ring_base<mpmc_close, 2, 3, FORM>::after();
  }
};
typedef mpmc_close<SINGLE> mpmc_closing;
typedef mpmc_close<MANY> mpmc_closing_of_many;
MODEL_TEST(mpmc_closing, 20000)
MODEL_TEST(mpmc_closing_of_many, 20000)

/* Nobody is ever more than the capacity: a count taken by a third thread. */
template <mpmc_form FORM> struct mpmc_count : mpmc_ring_base<mpmc_count<FORM>, 3, 3, FORM> {
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 2; i++) this->enqueue(i);
    } else if (index == 1) {
      for (int i = 0; i < 2; i++) this->dequeue();
    } else {
      RL_ASSERT(sl_mpmc_ring_count(&this->ring) <= 2);
    }
  }
};
typedef mpmc_count<SINGLE> mpmc_counted;
typedef mpmc_count<MANY> mpmc_counted_of_many;
MODEL_TEST(mpmc_counted, 20000)
MODEL_TEST(mpmc_counted_of_many, 20000)

/* Producers that wait until a claim may succeed: were the answer wrong for good, they would wait for ever. What has
 * passed never goes back. */
template <size_t CAPACITY> struct mpmc_waiting : mpmc_ring_base<mpmc_waiting<CAPACITY>, CAPACITY, 3> {
  void thread(unsigned index) {
    if (index < 2) {
      for (int i = 0; i < 2; i++) {
        do {
          while (!sl_mpmc_ring_may_claim(&this->ring)) rl::yield(1, $);
        } while (!this->enqueue(index * 8 + i));
      }
      return;
    }
    uint64_t first = sl_mpmc_ring_passed(&this->ring), passed = 0;
    for (int taken = 0; taken < 4;) {
      if (this->dequeue() < 0)
        rl::yield(1, $);
      else
        taken++;
      uint64_t now = sl_mpmc_ring_passed(&this->ring) - first;
      RL_ASSERT(now >= passed);
      passed = now;
    }
  }
  void after() {
    sl_mpmc_ring_close(&this->ring);
    RL_ASSERT(!sl_mpmc_ring_may_claim(&this->ring));
    mpmc_ring_base<mpmc_waiting, CAPACITY, 3>::after();
  }
};
typedef mpmc_waiting<1> mpmc_waiting_for_1;
typedef mpmc_waiting<3> mpmc_waiting_for_3;
MODEL_TEST(mpmc_waiting_for_1, 20000)
MODEL_TEST(mpmc_waiting_for_3, 20000)
