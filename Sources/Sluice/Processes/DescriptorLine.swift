import CSluice
import Glibc

/// Descriptors travel beside the records that need them, over the socket, numbered from 0 on in the order in which
/// they are sent. A record names the number of its first one. Numbers that no record asked for any more (its item
/// was taken back) are passed over and closed.
private struct DescriptorMessage {
  var magic: UInt32 = 0x0053_4c46
  var count: UInt32 = 0
  var first: UInt64 = 0

  static let most = 250
}

/// The side that sends.
@usableFromInline
final class DescriptorSender {
  private let socket: Int32
  private var next: UInt64 = 0

  init(socket: Int32) { self.socket = socket }

  /// Sends all of them; the number of the first. Nil with EAGAIN or another error: none is on its way that a record
  /// may name.
  func send(_ descriptors: [Int32], waits: Bool, error: inout Int32) -> UInt64? {
    let first = next
    for start in stride(from: 0, to: descriptors.count, by: DescriptorMessage.most) {
      let part = Array(descriptors[start..<min(start + DescriptorMessage.most, descriptors.count)])
      var message = DescriptorMessage()
      message.count = UInt32(part.count)
      message.first = next
      error = withUnsafeBytes(of: &message) {
        sl_socket_send(socket, $0.baseAddress, $0.count, part, part.count, waits)
      }
      crashPoint()
      if error != 0 { return nil }
      next += UInt64(part.count)
    }
    return first
  }
}

/// The side that receives, and trusts nothing that it receives.
@usableFromInline
final class DescriptorReceiver {
  private let socket: Int32
  private let waits: Bool
  /// Received and not asked for; the first has the number `next`.
  private var arrived: [Int32] = []
  private var next: UInt64 = 0

  init(socket: Int32, waits: Bool) {
    self.socket = socket
    self.waits = waits
  }

  deinit { for descriptor in arrived { sl_descriptor_close(descriptor) } }

  /// The descriptors with these numbers, the caller's from now on. Nil: they are not there, or not what they should be.
  func take(first: UInt64, count: Int) -> [Int32]? {
    guard first >= next, count <= 1 << 16, first <= UInt64.max - UInt64(count) else { return nil }
    while next + UInt64(arrived.count) < first + UInt64(count) {
      // What nobody will ask for need not be kept.
      drop(upTo: first)
      guard receive() else { return nil }
    }
    drop(upTo: first)
    let taken = Array(arrived.prefix(count))
    arrived.removeFirst(count)
    next += UInt64(count)
    return taken
  }

  private func drop(upTo first: UInt64) {
    let stale = Int(min(UInt64(arrived.count), first - next))
    for descriptor in arrived.prefix(stale) { sl_descriptor_close(descriptor) }
    arrived.removeFirst(stale)
    next += UInt64(stale)
  }

  private func receive() -> Bool {
    var message = DescriptorMessage()
    var received = [Int32](repeating: -1, count: DescriptorMessage.most)
    var (count, error) = (received.count, Int32(0))
    let length = withUnsafeMutableBytes(of: &message) {
      sl_socket_receive(socket, $0.baseAddress, $0.count, &received, &count, waits, &error)
    }
    received.removeLast(received.count - count)
    guard length == MemoryLayout<DescriptorMessage>.size, message.magic == DescriptorMessage().magic,
      message.count == UInt32(count), count > 0, message.first == next + UInt64(arrived.count)
    else {
      for descriptor in received { sl_descriptor_close(descriptor) }
      return false
    }
    arrived += received
    return true
  }
}
