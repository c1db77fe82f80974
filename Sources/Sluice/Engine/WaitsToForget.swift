import CSluice

/// A run whose iterator was dropped, perhaps from where nobody may wait: on its way to the monitor.
final class WaitsToForget: @unchecked Sendable {
  let run: RunCore
  private let node: UnsafeMutablePointer<sl_inbox_node>

  init(_ run: RunCore) {
    self.run = run
    node = .allocate(capacity: 1)
    sl_inbox_node_init(node, nil)
    node.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { node.deallocate() }

  /// The inbox keeps it alive.
  func put(into inbox: UnsafeMutablePointer<sl_inbox>) {
    _ = Unmanaged.passRetained(self)
    _ = sl_inbox_put(inbox, node)
  }
}
