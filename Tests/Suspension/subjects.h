/* subjects.h: what is tested, in this order. A new test is its file and its line here. */
#ifndef SUBJECTS_H
#define SUBJECTS_H

#define SUBJECTS(subject)                                                                          \
  subject(spsc_ring)                                                                               \
  subject(lanes)                                                                                   \
  subject(spmc_ring)                                                                               \
  subject(mpmc_ring)                                                                               \
  subject(order_ring)                                                                              \
  subject(swap_ring)                                                                               \
  subject(bounded_queue)                                                                           \
  subject(unbounded_queue)                                                                         \
  subject(event_count)                                                                             \
  subject(inbox)                                                                                   \
  subject(waiters)                                                                                 \
  subject(thread_number)                                                                           \
  subject(token)                                                                                   \
  subject(lease)                                                                                   \
  subject(exchange)

#define DECLARE_SUBJECT_(name) void test_##name(void);
SUBJECTS(DECLARE_SUBJECT_)

#endif
