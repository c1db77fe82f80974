/// The rows of `sluice-bench pipelines`, in the order of the table.
let pipelineRows: [ThroughputRow] =
  plainLoopRows + passThroughRows + yieldSourceRows + workersRows + asyncStageRows + eightStagesRows
  + stringElementsRows + classElementsRows

/// The throttle of every stage where a row's name tells no other.
let usualThrottle = 1_024
