/* sl_lease.h under the model: a driver and a revoker, a driver that asks a holder, and the end of a run. */
#include "system.hpp"

#include "sl_lease.h"
#include "sl_token.h"

enum { ID = 3, STAGES = 2, DRIVER = STAGES };

/* As in the engine: the driver's own position is the number of stages, and it settles as soon as it finds its
 * lease revoked. The stages that a revoker takes away are used by it, as by the threads that run them next. */
struct lease_revoked : rl::test_suite<lease_revoked, 2> {
  sl_lease lease;
  sl_token tokens[STAGES];
  rl::var<int> memory[STAGES];
  int touches[2];

  void before() {
    model::begin_system(model::ASYMMETRIC);
    sl_lease_init(&lease, ID, this);
    for (int i = 0; i < STAGES; i++) {
      sl_token_init(&tokens[i], SL_TOKEN_PARKED);
      VAR(memory[i]) = 0;
    }
    touches[0] = touches[1] = 0;
  }

  void touch(unsigned by, int stage) {
    VAR(memory[stage]) = VAR(memory[stage]) + 1;
    touches[by]++;
  }

  void thread(unsigned index) {
    if (index == 0)
      for (int i = 0; i < 2; i++) drive();
    else
      for (int i = 0; i < 2; i++) revoke();
  }

  bool has(int stage) { return sl_token_is_leased(&tokens[stage], ID) || sl_token_is_dormant(&tokens[stage], ID); }

  /* One lease, from its beginning to its end. */
  void drive() {
    RL_ASSERT(sl_lease_is_inactive(&lease) && sl_lease_enter(&lease, DRIVER));
    sl_lease_activate(&lease);
    int first = STAGES;
    while (first > 0 && lease_stage(first - 1)) first--;
    if (sl_lease_enter(&lease, DRIVER)) pull(first);
    sl_lease_settle(&lease);
    sl_lease_settle(&lease); /* once more does no harm */
    for (int stage = 0; stage < STAGES; stage++)
      if (has(stage)) {
        touch(0, stage);
        RL_ASSERT(sl_token_unlease(&tokens[stage], ID, SL_TOKEN_PARKED));
      }
    sl_lease_deactivate(&lease);
  }

  bool lease_stage(int stage) {
    if (stage == 1) return sl_token_try_lease(&tokens[stage], ID);
    if (!sl_token_try_lease_dormant(&tokens[stage], ID)) return false;
    /* A revoker that was quicker may have passed over it, and one that is slower may take it now. */
    if ((sl_lease_stop(&lease) & SL_LEASE_REVOKED) == 0) return true;
    sl_token_unlease(&tokens[stage], ID, SL_TOKEN_PARKED);
    return false;
  }

  void pull(int first) {
    for (int stage = first; stage < STAGES; stage++) {
      if (!sl_lease_enter(&lease, stage)) return lost(stage, stage == first ? DRIVER : stage - 1);
      if (sl_token_is_dormant(&tokens[stage], ID)) RL_ASSERT(sl_token_rouse(&tokens[stage], ID));
      RL_ASSERT(sl_token_is_leased(&tokens[stage], ID));
      touch(0, stage);
    }
    if (!sl_lease_enter(&lease, DRIVER)) lost(DRIVER, STAGES - 1);
  }

  /* Nothing is left but the stage that the driver was about to enter, or the one that it came from. */
  void lost(int stage, int previous) {
    RL_ASSERT(sl_lease_stop(&lease) == SL_LEASE_REVOKED);
    sl_lease_settle(&lease);
    int kept = 0;
    for (int i = 0; i < STAGES; i++)
      if (has(i)) {
        RL_ASSERT(i == stage || i == previous);
        kept++;
      }
    RL_ASSERT(kept <= 1);
  }

  void revoke() {
    while (!sl_lease_begin_revoke(&lease)) {
      if (rl::rand(4) == 0) return;
      rl::yield(1, $);
    }
    int kept = (int)sl_lease_revoked_position(&lease);
    bool taken[STAGES] = {};
    for (int stage = 0; stage < STAGES; stage++)
      if (stage != kept && sl_token_unlease(&tokens[stage], ID, SL_TOKEN_QUEUED)) taken[stage] = true;
    sl_lease_end_revoke(&lease);
    for (int stage = 0; stage < STAGES; stage++)
      if (taken[stage]) {
        sl_token_begin(&tokens[stage]);
        touch(1, stage);
        RL_ASSERT(sl_token_park(&tokens[stage], SL_TOKEN_PARKED));
      }
  }

  void after() {
    RL_ASSERT(VAR(memory[0]) + VAR(memory[1]) == touches[0] + touches[1]);
    RL_ASSERT(sl_lease_is_inactive(&lease) && sl_lease_stop(&lease) == 0);
    for (sl_token &each : tokens) RL_ASSERT(sl_token_state(&each) == SL_TOKEN_PARKED);
  }
};
MODEL_TEST(lease_revoked, 60000)

/* What the driver did before it activated its lease comes before what the revoker does: in the core, its clearing
 * of REVOKED before the setting of it. relacy performs both where they are written and cannot show them in
 * another order, so this shows what orders them; without the barrier, which comes too late for that. */
struct lease_activated : rl::test_suite<lease_activated, 2> {
  sl_lease lease;
  rl::var<int> cleared;
  void before() {
    model::begin_system(model::UNORDERED);
    sl_lease_init(&lease, ID, this);
    VAR(cleared) = 0;
  }
  void thread(unsigned index) {
    if (index == 0) {
      VAR(cleared) = 1;
      sl_lease_activate(&lease);
    } else if (sl_lease_begin_revoke(&lease)) {
      RL_ASSERT(VAR(cleared) == 1);
      sl_lease_end_revoke(&lease);
    }
  }
};
MODEL_TEST(lease_activated, 2000)

/* A holder that has seen that somebody wants its stage sees who does. */
struct lease_requested : rl::test_suite<lease_requested, 2> {
  enum { STAGE = 1 };
  sl_lease holder, driver;
  void before() {
    model::begin_system(model::ASYMMETRIC);
    sl_lease_init(&holder, 1, this);
    sl_lease_init(&driver, 2, this);
  }
  void thread(unsigned index) {
    if (index == 0) {
      while (sl_lease_enter(&holder, STAGE)) rl::yield(1, $);
      RL_ASSERT(sl_lease_take_wanted(&holder, STAGE) == &driver);
    } else {
      sl_lease_request(&driver, &holder, STAGE);
    }
  }
};
MODEL_TEST(lease_requested, 2000)

/* Drivers ask a holder for its stage, and soon give up; work comes meanwhile. One at a time uses the stage. */
template <unsigned DRIVERS> struct lease_wanted : rl::test_suite<lease_wanted<DRIVERS>, 2 + DRIVERS> {
  enum { STAGE = 1 };
  sl_lease holder, drivers[DRIVERS];
  sl_token token;
  rl::var<int> memory;
  int touches;

  void before() {
    model::begin_system(model::ASYMMETRIC);
    sl_lease_init(&holder, 1, this);
    for (unsigned i = 0; i < DRIVERS; i++) sl_lease_init(&drivers[i], 2 + i, this);
    sl_token_init(&token, SL_TOKEN_RUNNING);
    VAR(memory) = 0;
    touches = 0;
  }

  void touch() {
    VAR(memory) = VAR(memory) + 1;
    touches++;
  }

  void thread(unsigned index) {
    if (index == 0) {
      hold();
    } else if (index == 1) {
      RL_ASSERT(sl_token_unpark(&token) != SL_WAKE_TASK);
    } else {
      drive(drivers[index - 2], index);
    }
  }

  void hold() {
    for (int i = 0; i < 4; i++) {
      if (!sl_lease_enter(&holder, STAGE)) {
        sl_lease *driver = sl_lease_take_wanted(&holder, STAGE);
        if (driver != nullptr) {
          RL_ASSERT(driver->owner == this && VAR(memory) == touches);
          if (sl_lease_is_requested(driver, STAGE) && sl_lease_grant(driver, STAGE)) return;
        }
      }
      touch();
    }
    do touch();
    while (!sl_token_park(&token, SL_TOKEN_PARKED));
  }

  void drive(sl_lease &lease, uint32_t id) {
    uint32_t state = sl_token_state(&token);
    if (state != SL_TOKEN_RUNNING && state != SL_TOKEN_NOTIFIED) return;
    sl_lease_request(&lease, &holder, STAGE);
    for (int i = 0; i < 3 && !sl_lease_is_granted(&lease); i++) rl::yield(1, $);
    if (!sl_lease_withdraw(&lease, STAGE)) return;
    sl_token_accept(&token, id);
    touch();
    RL_ASSERT(sl_token_unlease(&token, id, SL_TOKEN_PARKED));
  }

  void after() {
    RL_ASSERT(VAR(memory) == touches);
    uint32_t state = sl_token_state(&token);
    RL_ASSERT(state == SL_TOKEN_PARKED || state == SL_TOKEN_QUEUED);
    for (sl_lease &each : drivers) RL_ASSERT(!sl_lease_is_granted(&each) && !sl_lease_is_requested(&each, STAGE));
  }
};
typedef lease_wanted<1> lease_wanted_by_one;
typedef lease_wanted<2> lease_wanted_by_two;
MODEL_TEST(lease_wanted_by_one, 30000)
MODEL_TEST(lease_wanted_by_two, 30000)

/* Work comes just before the holder grants its token: the driver that accepts it sees it at once. */
struct lease_accepted : rl::test_suite<lease_accepted, 3> {
  enum { STAGE = 1 };
  sl_lease holder, driver;
  sl_token token;
  sl_atomic_u32 posted;
  sl_atomic_u32 was_running;
  void before() {
    model::begin_system(model::ASYMMETRIC);
    sl_lease_init(&holder, 1, this);
    sl_lease_init(&driver, 2, this);
    sl_token_init(&token, SL_TOKEN_RUNNING);
    sl_store_relaxed_u32(&posted, 0);
    sl_store_relaxed_u32(&was_running, 0);
  }
  void thread(unsigned index) {
    if (index == 0) {
      while (sl_lease_enter(&holder, STAGE)) rl::yield(1, $);
      if (sl_lease_take_wanted(&holder, STAGE) == &driver) sl_lease_grant(&driver, STAGE);
    } else if (index == 1) {
      sl_store_relaxed_u32(&posted, 1);
      sl_token_unpark(&token);
      if (sl_token_state(&token) == SL_TOKEN_NOTIFIED) sl_store_relaxed_u32(&was_running, 1);
    } else {
      sl_lease_request(&driver, &holder, STAGE);
      for (int i = 0; i < 8 && !sl_lease_is_granted(&driver); i++) rl::yield(1, $);
      if (!sl_lease_withdraw(&driver, STAGE)) return;
      /* If the waker found the token running, it told nobody but through the state. */
      uint32_t told = sl_load_relaxed_u32(&was_running);
      sl_token_accept(&token, 2);
      if (told == 1) RL_ASSERT(sl_load_relaxed_u32(&posted) == 1);
    }
  }
};
MODEL_TEST(lease_accepted, 30000)

/* The run ends: the driver that is stopped by it knows why, and stops for good. */
struct lease_stopped : rl::test_suite<lease_stopped, 2> {
  sl_lease lease;
  sl_atomic_u32 is_over;
  rl::var<int> reason;
  void before() {
    model::begin_system(model::ASYMMETRIC);
    sl_lease_init(&lease, ID, this);
    sl_store_relaxed_u32(&is_over, 0);
    VAR(reason) = 0;
  }
  void thread(unsigned index) {
    if (index == 0) {
      VAR(reason) = 1;
      sl_store_relaxed_u32(&is_over, 1);
      sl_lease_stop_run(&lease);
      return;
    }
    for (int i = 0; i < 2; i++) {
      RL_ASSERT(!sl_lease_is_active(&lease));
      if (!sl_lease_enter(&lease, DRIVER)) break;
      sl_lease_activate(&lease);
      sl_lease_settle(&lease);
      sl_lease_deactivate(&lease);
    }
    while ((sl_lease_stop(&lease) & SL_LEASE_RUN_ENDED) == 0) rl::yield(1, $);
    RL_ASSERT(sl_load_relaxed_u32(&is_over) == 1 && VAR(reason) == 1);
    RL_ASSERT(!sl_lease_enter(&lease, DRIVER));
  }
};
MODEL_TEST(lease_stopped, 10000)
