/// Complete metadata for a descriptor and its arguments.
enum TypeLookup {
  /// The type, or nil if the runtime makes none of this: the arguments do not meet the type's requirements, say.
  ///
  /// The runtime reads mangled names, in which a descriptor can stand by reference and parameters by their numbers.
  /// It finds the conformances that a generic type asks for, and gives metadata only when it is complete.
  static func type(_ descriptor: TypeDescriptor, arguments: [Any.Type]) -> Any.Type? {
    if descriptor.isGeneric == arguments.isEmpty { return nil }
    // Control character 2: how far it is from behind it to a cell with the address. The cell stands before the name,
    // where the offset reaches it.
    var name: [UInt8] = [2] + [0, 0, 0, 0]
    let cellSize = 8
    withUnsafeBytes(of: Int32(-(cellSize + 1))) { name.replaceSubrange(1..<5, with: $0) }
    if !arguments.isEmpty {
      name += "y".utf8
      for index in arguments.indices { name += parameter(index).utf8 }
      name += "G".utf8
    }
    // The name ends with a zero, that nothing reads beyond it.
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: cellSize + name.count + 1, alignment: 8)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    memory.storeBytes(of: UInt(bitPattern: descriptor.start), as: UInt.self)
    UnsafeMutableRawBufferPointer(rebasing: memory[cellSize...]).copyBytes(from: name)
    guard let start = memory.baseAddress?.advanced(by: cellSize) else { return nil }
    return arguments.withUnsafeBytes {
      _getTypeByMangledNameInContext(
        start.assumingMemoryBound(to: UInt8.self), UInt(name.count),
        genericContext: arguments.isEmpty ? nil : descriptor.start,
        genericArguments: arguments.isEmpty ? nil : $0.baseAddress)
    }
  }

  /// Parameter number `index` of the outermost level, mangled.
  private static func parameter(_ index: Int) -> String {
    switch index {
    case 0: "x"
    case 1: "q_"
    default: "q\(index - 2)_"
    }
  }
}
