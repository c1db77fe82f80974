import CSluice
import Foundation
import Testing

@Suite(.serialized) struct InboxTests {
  private static func makeInbox() -> UnsafeMutablePointer<sl_inbox> {
    let inbox = UnsafeMutablePointer<sl_inbox>.allocate(capacity: 1)
    sl_inbox_init(inbox)
    return inbox
  }

  private static func makeNodes(_ count: Int) -> UnsafeMutablePointer<sl_inbox_node> {
    let nodes = UnsafeMutablePointer<sl_inbox_node>.allocate(capacity: count)
    for index in 0..<count {
      sl_inbox_node_init(nodes + index, UnsafeMutableRawPointer(bitPattern: index + 1))
    }
    return nodes
  }

  private static func takeAll(_ inbox: UnsafeMutablePointer<sl_inbox>) -> [Int] {
    var owners: [Int] = []
    var next = sl_inbox_take_all(inbox)
    while let node = next {
      owners.append(Int(bitPattern: node.pointee.owner) - 1)
      next = sl_inbox_take_out(node)
    }
    return owners
  }

  @Test func eachNodeOnce() {
    let (inbox, nodes) = (Self.makeInbox(), Self.makeNodes(3))
    defer {
      inbox.deallocate()
      nodes.deallocate()
    }
    #expect(sl_inbox_is_empty(inbox))
    #expect(Self.takeAll(inbox).isEmpty)
    #expect(sl_inbox_put(inbox, nodes))
    #expect(!sl_inbox_put(inbox, nodes))
    #expect(sl_inbox_put(inbox, nodes + 2))
    #expect(!sl_inbox_is_empty(inbox))
    #expect(Self.takeAll(inbox).sorted() == [0, 2])
    #expect(sl_inbox_is_empty(inbox))
    #expect(sl_inbox_put(inbox, nodes))
    #expect(Self.takeAll(inbox) == [0])
  }

  /// A node may be put in again as soon as it was taken out itself, while those after it are still in hand.
  @Test func eachIsOutByItself() throws {
    let (inbox, nodes) = (Self.makeInbox(), Self.makeNodes(3))
    defer {
      inbox.deallocate()
      nodes.deallocate()
    }
    for index in 0..<3 { #expect(sl_inbox_put(inbox, nodes + index)) }
    let first = try #require(sl_inbox_take_all(inbox))
    #expect(!sl_inbox_put(inbox, first), "taken, and not yet taken out")
    var next = sl_inbox_take_out(first)
    #expect(sl_inbox_put(inbox, first))
    var others = 0
    while let node = next {
      others += 1
      next = sl_inbox_take_out(node)
    }
    #expect(others == 2)
    #expect(sl_inbox_take_all(inbox) == first)
    #expect(sl_inbox_take_out(first) == nil)
  }

  /// Threads put their nodes in again and again; after each time the taker sees what they did before.
  @Test func threads() {
    struct Box: @unchecked Sendable {
      let inbox: UnsafeMutablePointer<sl_inbox>
      let nodes: UnsafeMutablePointer<sl_inbox_node>
      let done: UnsafeMutablePointer<sl_atomic_u64>
    }
    let (count, rounds) = (4, 100_000)
    let box = Box(
      inbox: Self.makeInbox(), nodes: Self.makeNodes(count), done: .allocate(capacity: count))
    for index in 0..<count { sl_store_relaxed_u64(box.done + index, 0) }
    let group = DispatchGroup()
    for index in 0..<count {
      group.enter()
      Thread.detachNewThread {
        for round in 1...rounds {
          sl_store_relaxed_u64(box.done + index, UInt64(round))
          _ = sl_inbox_put(box.inbox, box.nodes + index)
        }
        group.leave()
      }
    }
    var complete = Set<Int>()
    while complete.count < count {
      for index in Self.takeAll(box.inbox) where sl_load_relaxed_u64(box.done + index) == UInt64(rounds) {
        complete.insert(index)
      }
    }
    group.wait()
    box.inbox.deallocate()
    box.nodes.deallocate()
    box.done.deallocate()
  }
}
