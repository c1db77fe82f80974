import CSluice
import Testing

@Suite struct StageCountersTests {
  /// Bodies that are done in a row without a look at the clock end where the next one is timed.
  @Test(arguments: [0, 1, 3, 255] as [UInt64])
  func rowsEndBeforeTheTimedOne(mask: UInt64) {
    var counters = sl_stage_counters()
    sl_stage_counters_init(&counters)
    counters.timing_mask = mask
    for produced in 0..<600 as Range<UInt64> {
      var untimed: UInt64 = 0
      while (produced + untimed) & mask != 0 { untimed += 1 }
      #expect(sl_stage_counters_timed(&counters) == (untimed == 0))
      for most in [0, 1, 64, 1_000] as [UInt64] {
        #expect(sl_stage_counters_before_timed(&counters, most) == min(untimed, most))
      }
      sl_stage_counters_produce(&counters)
    }
  }

  @Test func manyAreAsManyTimesOne() {
    var counters = sl_stage_counters()
    sl_stage_counters_init(&counters)
    sl_stage_counters_produce_many(&counters, 0)
    #expect(sl_stage_counters_produced(&counters) == 0)
    sl_stage_counters_produce_many(&counters, 63)
    sl_stage_counters_produce(&counters)
    #expect(sl_stage_counters_produced(&counters) == 64)
  }
}
