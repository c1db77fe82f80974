// The queues of the library, through their C headers.
#include "bench_queue.hpp"

#include <CSluice.h>

namespace {

using bench::any_number;

class SpscRing {
 public:
  SpscRing(size_t capacity, unsigned, unsigned) : slots_(sl_spsc_ring_slots(capacity)) {
    sl_spsc_ring_init(&ring_, capacity, 0);
  }

  struct Producer {
    Producer(SpscRing &q, unsigned) : ring(&q.ring_), slots(q.slots_.data()) {}
    bool push(uint64_t value) {
      size_t slot;
      if (!sl_spsc_ring_try_claim(ring, &slot)) return false;
      slots[slot] = value;
      sl_spsc_ring_commit(ring);
      return true;
    }
    size_t push_many(const uint64_t *values, size_t n) {
      uint64_t first;
      size_t claimed = sl_spsc_ring_try_claim_many(ring, n, &first);
      if (claimed == 0) return 0;
      for (size_t i = 0; i < claimed; i++) slots[sl_spsc_ring_slot_of(ring, first + i)] = values[i];
      sl_spsc_ring_commit_many(ring, claimed);
      return claimed;
    }
    sl_spsc_ring *ring;
    uint64_t *slots;
  };

  struct Consumer {
    Consumer(SpscRing &q, unsigned) : ring(&q.ring_), slots(q.slots_.data()) {}
    bool pop(uint64_t &value) {
      size_t slot;
      if (!sl_spsc_ring_try_take(ring, &slot)) return false;
      value = slots[slot];
      sl_spsc_ring_release(ring);
      return true;
    }
    size_t pop_many(uint64_t *values, size_t n) {
      uint64_t first;
      size_t taken = sl_spsc_ring_try_take_many(ring, n, &first);
      if (taken == 0) return 0;
      for (size_t i = 0; i < taken; i++) values[i] = slots[sl_spsc_ring_slot_of(ring, first + i)];
      sl_spsc_ring_release_many(ring, taken);
      return taken;
    }
    sl_spsc_ring *ring;
    uint64_t *slots;
  };

 private:
  sl_spsc_ring ring_;
  std::vector<uint64_t> slots_;
};

class SpmcRing {
 public:
  SpmcRing(size_t capacity, unsigned, unsigned) {
    if (sl_spmc_ring_init(&ring_, capacity, sizeof(uint64_t), 0) != 0) bench::refuse("sl_spmc_ring_init failed");
  }
  ~SpmcRing() { sl_spmc_ring_destroy(&ring_); }

  struct Producer {
    Producer(SpmcRing &q, unsigned) : ring(&q.ring_) {}
    bool push(uint64_t value) {
      if (sl_spmc_ring_room(ring, 1) == 0) return false;
      sl_spmc_ring_put(ring, 0, &value, sizeof value);
      sl_spmc_ring_publish(ring, 1);
      return true;
    }
    sl_spmc_ring *ring;
  };

  struct Consumer {
    Consumer(SpmcRing &q, unsigned) : ring(&q.ring_) {}
    bool pop(uint64_t &value) { return sl_spmc_ring_try_take(ring, &value, sizeof value); }
    sl_spmc_ring *ring;
  };

 private:
  sl_spmc_ring ring_;
};

class MpmcRing {
 public:
  MpmcRing(size_t capacity, unsigned, unsigned) {
    if (sl_mpmc_ring_init(&ring_, capacity, sizeof(uint64_t), alignof(uint64_t), 0) != 0) bench::refuse("sl_mpmc_ring_init failed");
  }
  ~MpmcRing() { sl_mpmc_ring_destroy(&ring_); }

  static uint64_t *element(sl_mpmc_ticket ticket) {
    return static_cast<uint64_t *>(sl_mpmc_ring_element(ticket, alignof(uint64_t)));
  }

  struct Producer {
    Producer(MpmcRing &q, unsigned) : ring(&q.ring_) {}
    bool push(uint64_t value) {
      sl_mpmc_ticket ticket;
      if (!sl_mpmc_ring_try_claim(ring, &ticket)) return false;
      *element(ticket) = value;
      sl_mpmc_ring_commit(ticket);
      return true;
    }
    size_t push_many(const uint64_t *values, size_t n) {
      sl_mpmc_ticket ticket;
      size_t claimed = sl_mpmc_ring_try_claim_many(ring, n, &ticket);
      for (size_t i = 0; i < claimed; i++) *element(sl_mpmc_ring_ticket_at(ring, ticket, i)) = values[i];
      sl_mpmc_ring_commit_many(ring, ticket, claimed);
      return claimed;
    }
    sl_mpmc_ring *ring;
  };

  struct Consumer {
    Consumer(MpmcRing &q, unsigned) : ring(&q.ring_) {}
    bool pop(uint64_t &value) {
      sl_mpmc_ticket ticket;
      if (!sl_mpmc_ring_try_take(ring, &ticket)) return false;
      value = *element(ticket);
      sl_mpmc_ring_release(ticket);
      return true;
    }
    size_t pop_many(uint64_t *values, size_t n) {
      sl_mpmc_ticket ticket;
      size_t taken = sl_mpmc_ring_try_take_many(ring, n, &ticket);
      for (size_t i = 0; i < taken; i++) values[i] = *element(sl_mpmc_ring_ticket_at(ring, ticket, i));
      sl_mpmc_ring_release_many(ring, ticket, taken);
      return taken;
    }
    sl_mpmc_ring *ring;
  };

 private:
  sl_mpmc_ring ring_;
};

template <bool sole_producer, bool sole_consumer>
class SwapRing {
 public:
  SwapRing(size_t capacity, unsigned producers, unsigned consumers)
      : cells_(capacity + 1 + producers + consumers), first_spare_(uint32_t(capacity + 1)), producers_(producers) {
    if (sl_swap_ring_init(&ring_, capacity, producers + consumers, 0) != 0) bench::refuse("sl_swap_ring_init failed");
  }
  ~SwapRing() { sl_swap_ring_destroy(&ring_); }

  struct Producer {
    Producer(SwapRing &q, unsigned index) : ring(&q.ring_), cells(q.cells_.data()), cell(q.first_spare_ + index) {}
    bool push(uint64_t value) {
      if constexpr (sole_producer) {
        if (sl_swap_ring_sole_claim(ring, &cell) != SL_OK) return false;
        cells[cell] = value;
        sl_swap_ring_sole_commit(ring, cell);
        return true;
      } else {
        cells[cell] = value;
        return sl_swap_ring_try_enqueue(ring, &cell) == SL_OK;
      }
    }
    sl_swap_ring *ring;
    uint64_t *cells;
    uint32_t cell;
  };

  struct Consumer {
    Consumer(SwapRing &q, unsigned index)
        : ring(&q.ring_), cells(q.cells_.data()), cell(q.first_spare_ + q.producers_ + index) {}
    bool pop(uint64_t &value) {
      if constexpr (sole_consumer) {
        if (sl_swap_ring_sole_take(ring, &cell) != SL_OK) return false;
        value = cells[cell];
        sl_swap_ring_sole_release(ring, cell);
        return true;
      } else {
        if (sl_swap_ring_try_dequeue(ring, &cell) != SL_OK) return false;
        value = cells[cell];
        return true;
      }
    }
    sl_swap_ring *ring;
    uint64_t *cells;
    uint32_t cell;
  };

 private:
  sl_swap_ring ring_;
  std::vector<uint64_t> cells_;
  uint32_t first_spare_;
  uint32_t producers_;
};

// The try_ forms, which look for sleepers after each operation.
class BoundedQueue {
 public:
  BoundedQueue(size_t capacity, unsigned, unsigned)
      : queue_(sl_bounded_queue_create(capacity, sizeof(uint64_t), alignof(uint64_t))) {
    if (queue_ == nullptr) bench::refuse("sl_bounded_queue_create failed");
  }
  ~BoundedQueue() { sl_bounded_queue_destroy(queue_); }

  struct Producer {
    Producer(BoundedQueue &q, unsigned) : queue(q.queue_) {}
    bool push(uint64_t value) { return sl_bounded_queue_try_enqueue(queue, &value) == SL_OK; }
    size_t push_many(const uint64_t *values, size_t n) {
      size_t done;
      sl_bounded_queue_try_enqueue_many(queue, values, n, &done);
      return done;
    }
    sl_bounded_queue *queue;
  };

  struct Consumer {
    Consumer(BoundedQueue &q, unsigned) : queue(q.queue_) {}
    bool pop(uint64_t &value) { return sl_bounded_queue_try_dequeue(queue, &value) == SL_OK; }
    size_t pop_many(uint64_t *values, size_t n) {
      size_t done;
      sl_bounded_queue_try_dequeue_many(queue, values, n, &done);
      return done;
    }
    sl_bounded_queue *queue;
  };

 private:
  sl_bounded_queue *queue_;
};

class UnboundedQueue {
 public:
  UnboundedQueue(size_t, unsigned, unsigned)
      : queue_(sl_unbounded_queue_create(sizeof(uint64_t), alignof(uint64_t))) {
    if (queue_ == nullptr) bench::refuse("sl_unbounded_queue_create failed");
  }
  ~UnboundedQueue() { sl_unbounded_queue_destroy(queue_); }

  struct Producer {
    Producer(UnboundedQueue &q, unsigned) : queue(q.queue_) {}
    bool push(uint64_t value) {
      for (;;) {
        sl_unbounded_ticket ticket;
        if (sl_unbounded_queue_claim(queue, &ticket) != SL_OK) bench::refuse("sl_unbounded_queue_claim failed");
        *static_cast<uint64_t *>(ticket.element) = value;
        if (sl_unbounded_queue_commit(queue, &ticket)) return true;
        sl_unbounded_queue_abandon(queue, &ticket);
      }
    }
    sl_unbounded_queue *queue;
  };

  struct Consumer {
    Consumer(UnboundedQueue &q, unsigned) : queue(q.queue_) {}
    bool pop(uint64_t &value) {
      sl_unbounded_ticket ticket;
      if (sl_unbounded_queue_try_take(queue, &ticket) != SL_OK) return false;
      value = *static_cast<uint64_t *>(ticket.element);
      sl_unbounded_queue_release(queue, &ticket);
      return true;
    }
    sl_unbounded_queue *queue;
  };

 private:
  sl_unbounded_queue *queue_;
};

}  // namespace

int main(int argc, char **argv) {
  using namespace bench::guarantee;
  return bench::run_program(
      argc, argv,
      {
          bench::bulk_variant<SpscRing>("sl_spsc_ring", wait_free, true, 1, 1),
          bench::variant<SwapRing<true, true>>("sl_swap_ring, sole ends", wait_free, true, 1, 1),
          bench::variant<SwapRing<false, true>>("sl_swap_ring, sole consumer", lock_free, true, any_number, 1),
          bench::variant<SwapRing<true, false>>("sl_swap_ring, sole producer", lock_free, true, 1, any_number),
          bench::variant<SwapRing<false, false>>("sl_swap_ring", lock_free, true),
          bench::variant<SpmcRing>("sl_spmc_ring", lock_free, true, 1, any_number),
          bench::bulk_variant<BoundedQueue>("sl_bounded_queue", lock_free, true),
          bench::bulk_variant<MpmcRing>("sl_mpmc_ring", claim_and_publish, true),
          bench::variant<UnboundedQueue>("sl_unbounded_queue", lock_free, false),
      });
}
