/* sl_token.h under the model: no wake-up is lost, and one thread at a time holds the token. */
#include "token_base.hpp"

/* Two threads run the worker whenever it is runnable; work comes from one or two others. */
template <unsigned POSTERS> struct token_run : token_base<token_run<POSTERS>, 2 + POSTERS, 2> {
  void thread(unsigned index) {
    if (index >= 2) {
      for (unsigned i = 0; i < 2 / POSTERS; i++) this->post((index - 2) * (2 / POSTERS) + i);
      return;
    }
    for (;;) {
      this->await_runnable();
      if (sl_token_state(&this->token) == SL_TOKEN_ENDED) return;
      sl_token_begin(&this->token);
      bool all;
      do all = this->look();
      while (!all && !sl_token_park(&this->token, SL_TOKEN_PARKED));
      if (!all) continue;
      sl_token_end(&this->token);
      return this->make_runnable(); /* the other one may leave */
    }
  }
};
typedef token_run<1> token_run_one_poster;
typedef token_run<2> token_run_two_posters;
MODEL_TEST(token_run_one_poster, 20000)
MODEL_TEST(token_run_two_posters, 20000)

/* The worker has a thread of its own, which sleeps. */
struct token_thread : token_base<token_thread, 3, 2> {
  void before() {
    token_base<token_thread, 3, 2>::before();
    sl_token_init(&token, SL_TOKEN_RUNNING);
  }
  void thread(unsigned index) {
    if (index > 0) return post(index - 1);
    while (!look())
      if (sl_token_park(&token, SL_TOKEN_THREAD_PARKED)) sl_token_wait_thread(&token);
  }
};
MODEL_TEST(token_thread, 20000)

/* The worker is a task, which leaves a continuation when it suspends. */
struct token_task : token_base<token_task, 3, 2> {
  rl::var<int> continuation;
  sl_atomic_u32 resumed;
  void before() {
    token_base<token_task, 3, 2>::before();
    sl_token_init(&token, SL_TOKEN_RUNNING);
    VAR(continuation) = 0;
    sl_store_relaxed_u32(&resumed, 0);
  }
  void thread(unsigned index) {
    if (index > 0) {
      sl_store_relaxed_u32(&posted[index - 1], 1);
      sl_wake action = sl_token_unpark(&token);
      RL_ASSERT(action != SL_WAKE_ENQUEUE);
      if (action != SL_WAKE_TASK) return;
      RL_ASSERT(VAR(continuation) == 1);
      VAR(continuation) = 0;
      sl_store_release_u32(&resumed, 1); /* a scheduler's business */
      return sl_futex_wake(&resumed, 1);
    }
    while (!look()) {
      VAR(continuation) = 1;
      if (sl_token_park(&token, SL_TOKEN_TASK_PARKED)) {
        while (sl_load_acquire_u32(&resumed) == 0) sl_futex_wait(&resumed, 0, UINT64_MAX);
        sl_store_relaxed_u32(&resumed, 0);
      } else {
        VAR(continuation) = 0;
      }
      sl_token_resumed(&token);
    }
  }
};
MODEL_TEST(token_task, 20000)

/* A run ends: who sleeps is told, and who was about to; a token that nobody runs stays where it is. */
struct token_stopped : rl::test_suite<token_stopped, 3> {
  sl_token token;
  sl_atomic_u32 is_over, runnable;
  void before() {
    model::begin_system(model::ASYMMETRIC);
    sl_token_init(&token, SL_TOKEN_PARKED);
    sl_store_relaxed_u32(&is_over, 0);
    sl_store_relaxed_u32(&runnable, 0);
  }
  void thread(unsigned index) {
    if (index == 0) {
      sl_store_relaxed_u32(&is_over, 1);
      RL_ASSERT(sl_token_unpark_waiting(&token) == SL_WAKE_NOTHING);
    } else if (index == 1) {
      if (sl_token_unpark(&token) == SL_WAKE_ENQUEUE) sl_store_relaxed_u32(&runnable, 1);
      sl_futex_wake(&runnable, 1);
    } else {
      while (sl_load_relaxed_u32(&runnable) == 0) sl_futex_wait(&runnable, 0, UINT64_MAX);
      sl_token_begin(&token);
      while (sl_load_relaxed_u32(&is_over) == 0)
        if (sl_token_park(&token, SL_TOKEN_THREAD_PARKED)) sl_token_wait_thread(&token);
      sl_token_end(&token);
    }
  }
};
MODEL_TEST(token_stopped, 20000)

/* A lease takes the parked token now and then, and gives it back in one way or another; a thread runs it when it
 * is woken otherwise. What comes while it is leased is seen by whoever has it next. */
template <bool DORMANT, int PIECES> struct token_leased
    : token_base<token_leased<DORMANT, PIECES>, 2 + PIECES, PIECES> {
  enum { ID = 3 };
  void thread(unsigned index) {
    if (index >= 2) return this->post(index - 2);
    if (index == 1) {
      for (int i = 0; i < PIECES; i++) lease();
      return;
    }
    for (bool all = false; !all;) {
      this->await_runnable();
      sl_token_begin(&this->token);
      do all = this->look();
      while (!all && !sl_token_park(&this->token, SL_TOKEN_PARKED));
    }
    sl_token_end(&this->token);
  }
  void lease() {
    sl_token *t = &this->token;
    if (!(DORMANT ? sl_token_try_lease_dormant(t, ID) : sl_token_try_lease(t, ID))) return;
    VAR(this->memory) = VAR(this->memory) + 0;
    RL_ASSERT(DORMANT ? sl_token_is_dormant(t, ID) : sl_token_is_leased(t, ID));
    if (DORMANT && rl::rand(2) == 0) RL_ASSERT(sl_token_rouse(t, ID));
    bool queued = rl::rand(2) == 0;
    RL_ASSERT(sl_token_unlease(t, ID, queued ? SL_TOKEN_QUEUED : SL_TOKEN_PARKED));
    if (queued) return this->make_runnable();
    for (auto &each : this->posted)
      if (sl_load_relaxed_u32(&each) == 1) this->wake(sl_token_unpark(t));
  }
};
typedef token_leased<false, 1> token_leased_awake_1;
typedef token_leased<true, 1> token_leased_dormant_1;
typedef token_leased<false, 2> token_leased_awake_2;
typedef token_leased<true, 2> token_leased_dormant_2;
MODEL_TEST(token_leased_awake_1, 20000)
MODEL_TEST(token_leased_dormant_1, 20000)
MODEL_TEST(token_leased_awake_2, 20000)
MODEL_TEST(token_leased_dormant_2, 20000)
