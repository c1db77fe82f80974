import CSluice

@testable import Sluice

/// Where every worker of a run stands and what is in its queues, for a run that does not come to its end.
func engineState(of run: RunCore?) -> String {
  guard let run else { return "not started" }
  let workers = run.stages.flatMap { $0.workers.workers } + [run.consumer]
  let lines = workers.map { worker in
    let gauges = worker.gauges.pointee
    let ends = [
      gauges.input.map { "takes from \(state(of: $0, $0.notEmpty, worker, areConsumers: true))" },
      gauges.output.map { "puts into \(state(of: $0, $0.producersEvent, worker, areConsumers: false))" },
    ]
    let lease = worker.lease.pointee
    return
      "stage \(worker.stage) worker \(worker.index): token \(sl_token_state(worker.token)), lease \(lease.id), "
      + "stop \(sl_lease_stop(worker.lease)), outcome \(lease.outcome), "
      + "holds output \(worker.holdsOutput?.pointee ?? false), taken \(sl_stage_counters_taken(worker.counters)), "
      + "made \(sl_stage_counters_produced(worker.counters)), waits \(sl_load_relaxed_u64(worker.waits)); "
      + ends.compactMap(\.self).joined(separator: "; ")
  }
  return lines.joined(separator: "\n")
}

private func state(
  of queue: QueueGauge, _ event: UnsafeMutablePointer<sl_event_count>, _ worker: Worker, areConsumers: Bool
) -> String {
  "\(queue.kind) of \(queue.throttle) with \(queue.count)"
    + (queue.isClosed ? ", closed" : "")
    + (sl_event_count_is_announced(event, UInt32(worker.index)) ? ", announced" : "")
    + (queue.isPatient(ofConsumers: areConsumers) ? ", patient" : "")
}
