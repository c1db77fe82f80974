/* sl_bounded_queue.c under the model: seats in blocks, and waiting for room, for an element and for the end. */
#include "objects.hpp"
#include "system.hpp"

#include "sl_swap_ring.h"
#include "sl_thread_number.h"
#include "sl_waiters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef rl::var<int> model_element;
enum { ELEMENT_ALIGNMENT = 16, CELL_BYTES = (sizeof(model_element) + 15) / 16 * 16 };

/* The threads of a test have numbers from here on. */
static uint32_t first_thread_number;
#define sl_thread_number() (first_thread_number + rl::thread_index())

/* A wake-up that is left out is a mutant. */
#define sl_waiters_notify(waiters, count)                                                          \
  (model::is_left_out(SL_SITE_("notify", seq_cst, true)) ? (void)0 : (sl_waiters_notify)(waiters, count))
#define sl_waiters_notify_all(waiters)                                                             \
  (model::is_left_out(SL_SITE_("notify", seq_cst, true)) ? (void)0 : (sl_waiters_notify_all)(waiters))

#include "sl_bounded_queue.h"

/* Memory for seats, for cells or for a block of both; how many of each stands in front of it. */
namespace model {
struct seats_and_cells {
  size_t seats, cells;
  char *memory() { return (char *)(this + 1); }
  sl_bounded_seat *seat(size_t i) { return (sl_bounded_seat *)memory() + i; }
  char *cell(size_t i) {
    return memory() + (seats * sizeof(sl_bounded_seat) + 15) / 16 * 16 + i * CELL_BYTES;
  }
};
struct allocation {
  size_t bytes;
  explicit operator char *() const { return made(0, bytes / CELL_BYTES); }
  explicit operator sl_bounded_seat *() const {
    size_t seats = SL_BOUNDED_FIRST_SEATS_;
    return (sl_bounded_seat *)made(seats, bytes == seats * sizeof(sl_bounded_seat) ? 0 : seats);
  }
  static char *made(size_t seats, size_t cells);
};
}  // namespace model

static sl_bounded_queue *made_queue();
static void unmade(sl_bounded_queue *queue) { model::unmake(queue); }
static void unmade(void *memory) {
  if (memory == nullptr) return;
  model::seats_and_cells *all = (model::seats_and_cells *)memory - 1;
  for (size_t i = 0; i < all->seats; i++) all->seat(i)->~sl_bounded_seat();
  for (size_t i = 0; i < all->cells; i++) ((model_element *)all->cell(i))->~model_element();
  rl::rl_free(all, $);
}

/* Into a cell, and out of one. */
static void copy_element(void *cell, const char *from, size_t) {
  VAR((*(model_element *)cell)) = *(const int *)from;
}
static void copy_element(char *to, void *cell, size_t) {
  *(int *)to = VAR((*(model_element *)cell));
  VAR((*(model_element *)cell)) = -1; /* moved out */
}

#undef errno /* relacy's cannot be set */
#define errno (*__errno_location())
#undef calloc
#undef free
#undef new
#define calloc(count, bytes) made_queue()
#define aligned_alloc(alignment, bytes) (model::allocation{bytes})
#define free(memory) unmade(memory)
#define memcpy(to, from, bytes) copy_element(to, from, bytes)
#include "../../CSupport/sl_bounded_queue.c"
#undef calloc
#undef aligned_alloc
#undef free
#undef memcpy

static sl_bounded_queue *made_queue() {
  sl_bounded_queue *queue = model::make<sl_bounded_queue>();
  for (auto &block : queue->blocks_) sl_store_relaxed_u64(&block, 0);
  return queue;
}

char *model::allocation::made(size_t seats, size_t cells) {
  seats_and_cells shape = {seats, cells}, *all = &shape;
  all = (seats_and_cells *)rl::rl_malloc(sizeof shape + (size_t)(shape.cell(cells) - shape.memory()), $);
  *all = shape;
  for (size_t i = 0; i < seats; i++) ::new (all->seat(i)) sl_bounded_seat();
  for (size_t i = 0; i < cells; i++) ::new (all->cell(i)) model_element();
  return all->memory();
}

template <typename Suite, size_t CAPACITY, unsigned THREADS, uint32_t FIRST_NUMBER = 0,
          model::barriers BARRIERS = model::ASYMMETRIC>
struct bounded_base : rl::test_suite<Suite, THREADS> {
  sl_bounded_queue *queue;
  int taken[16], accepted;

  void before() {
    model::begin_system(BARRIERS);
    first_thread_number = FIRST_NUMBER;
    queue = sl_bounded_queue_create(CAPACITY, sizeof(model_element), ELEMENT_ALIGNMENT);
    RL_ASSERT(queue->cell_bytes_ == CELL_BYTES);
    memset(taken, 0, sizeof taken);
    accepted = 0;
  }

  sl_result enqueue(int element, uint64_t timeout = UINT64_MAX) {
    sl_result result = sl_bounded_queue_enqueue(queue, &element, timeout);
    accepted += result == SL_OK;
    return result;
  }

  /* The element, or -1 - the result. */
  int dequeue(uint64_t timeout = UINT64_MAX) {
    int element = -1;
    sl_result result = sl_bounded_queue_dequeue(queue, &element, timeout);
    if (result != SL_OK) return -1 - result;
    RL_ASSERT(element >= 0 && ++taken[element] == 1);
    return element;
  }

  void after() {
    int all = 0, element;
    while (sl_bounded_queue_try_dequeue(queue, &element) == SL_OK) taken[element]++;
    for (int n : taken) {
      RL_ASSERT(n <= 1);
      all += n;
    }
    RL_ASSERT(all == accepted && sl_bounded_queue_count(queue) == 0);
    sl_bounded_queue_destroy(queue);
  }
};

/* Two threads with seats in the same block, which either of them makes, and a third that has one of the first;
 * cells of the block go round. */
struct bounded_far_seats : bounded_base<bounded_far_seats, 1, 3, 15> {
  void thread(unsigned index) {
    for (int i = 0; i < 2; i++) {
      int element = index * 2 + i;
      if (sl_bounded_queue_try_enqueue(queue, &element) == SL_OK) accepted++;
      if (sl_bounded_queue_try_dequeue(queue, &element) == SL_OK) RL_ASSERT(++taken[element] == 1);
    }
  }
};
MODEL_TEST(bounded_far_seats, 20000)

/* All wait for each other: 4 elements of two producers, of which each consumer takes its share. */
template <size_t CAPACITY, unsigned PRODUCERS, unsigned CONSUMERS, model::barriers BARRIERS>
struct bounded_waiting : bounded_base<bounded_waiting<CAPACITY, PRODUCERS, CONSUMERS, BARRIERS>, CAPACITY,
                                      PRODUCERS + CONSUMERS, 0, BARRIERS> {
  void thread(unsigned index) {
    if (index < PRODUCERS) {
      for (unsigned i = 0; i < 4 / PRODUCERS; i++) RL_ASSERT(this->enqueue(index * 8 + i) == SL_OK);
      return;
    }
    int last[2] = {-1, -1};
    for (unsigned i = 0; i < 4 / CONSUMERS; i++) {
      int element = this->dequeue();
      RL_ASSERT(element >= 0 && element % 8 > last[element / 8]);
      last[element / 8] = element % 8;
    }
  }
};
typedef bounded_waiting<1, 1, 1, model::ASYMMETRIC> bounded_waiting_1;
typedef bounded_waiting<1, 2, 1, model::ASYMMETRIC> bounded_producers_waiting_1;
typedef bounded_waiting<1, 1, 2, model::ASYMMETRIC> bounded_consumers_waiting_1;
typedef bounded_waiting<2, 2, 1, model::ASYMMETRIC> bounded_producers_waiting_2;
typedef bounded_waiting<2, 1, 2, model::ASYMMETRIC> bounded_consumers_waiting_2;
typedef bounded_waiting<1, 2, 2, model::SYMMETRIC> bounded_waiting_symmetric;
MODEL_TEST(bounded_waiting_1, 10000)
MODEL_TEST(bounded_producers_waiting_1, 10000)
MODEL_TEST(bounded_consumers_waiting_1, 10000)
MODEL_TEST(bounded_producers_waiting_2, 10000)
MODEL_TEST(bounded_consumers_waiting_2, 10000)
MODEL_TEST(bounded_waiting_symmetric, 10000)

/* A close wakes two that wait at either end, or finds them awake. */
template <bool FULL_AT_FIRST> struct bounded_closing : bounded_base<bounded_closing<FULL_AT_FIRST>, 1, 3> {
  void before() {
    bounded_base<bounded_closing<FULL_AT_FIRST>, 1, 3>::before();
    if (FULL_AT_FIRST) RL_ASSERT(this->enqueue(0) == SL_OK);
  }
  void thread(unsigned index) {
    if (index == 2)
      RL_ASSERT(sl_bounded_queue_close(this->queue));
    else if (FULL_AT_FIRST)
      RL_ASSERT(this->enqueue(1 + index) == SL_CLOSED);
    else
      RL_ASSERT(this->dequeue() == -1 - SL_CLOSED);
  }
};
typedef bounded_closing<false> bounded_closing_empty;
typedef bounded_closing<true> bounded_closing_full;
MODEL_TEST(bounded_closing_empty, 10000)
MODEL_TEST(bounded_closing_full, 10000)

/* A close while elements are on their way, and some wait with an end. */
struct bounded_closing_timed : bounded_base<bounded_closing_timed, 1, 3> {
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 3; i++)
        if (enqueue(i, rl::rand(2) == 0 ? 5 : UINT64_MAX) == SL_CLOSED) break;
    } else if (index == 1) {
      while (dequeue() != -1 - SL_CLOSED) {}
    } else {
      RL_ASSERT(dequeue(5) != -1 - SL_EMPTY);
      RL_ASSERT(sl_bounded_queue_close(queue) && !sl_bounded_queue_close(queue));
    }
  }
};
MODEL_TEST(bounded_closing_timed, 10000)
