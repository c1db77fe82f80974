/// The rows of `sluice-bench latency`, in the order of the table.
let latencyRows: [LatencyRow] = handOverRows + oneItemCallRows + queueHandOverRows
