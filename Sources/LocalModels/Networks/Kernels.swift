/// The two loops that training spends its time in, eight floats at a time.
///
/// The order of additions is fixed by the code, so the same inputs give the same bytes on every machine; a BLAS
/// chooses its kernels by processor and number of threads, and would weigh more than the rest of the image.
enum Kernels {
    /// Σ aᵢ bᵢ over `count` elements.
    @inline(__always)
    static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
        var sums = (SIMD8<Float>(repeating: 0), SIMD8<Float>(repeating: 0))
        let first = UnsafeRawPointer(a)
        let second = UnsafeRawPointer(b)
        var index = 0
        while index + 16 <= count {
            sums.0 += load(first, index) * load(second, index)
            sums.1 += load(first, index + 8) * load(second, index + 8)
            index += 16
        }
        var total = (sums.0 + sums.1).sum()
        while index < count {
            total += a[index] * b[index]
            index += 1
        }
        return total
    }

    /// y += alpha x over `count` elements.
    @inline(__always)
    static func axpy(_ alpha: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
        let source = UnsafeRawPointer(x)
        let target = UnsafeMutableRawPointer(y)
        var index = 0
        while index + 8 <= count {
            let sum = load(UnsafeRawPointer(target), index) + alpha * load(source, index)
            target.storeBytes(of: sum, toByteOffset: index * 4, as: SIMD8<Float>.self)
            index += 8
        }
        while index < count {
            y[index] += alpha * x[index]
            index += 1
        }
    }

    @inline(__always)
    private static func load(_ pointer: UnsafeRawPointer, _ index: Int) -> SIMD8<Float> {
        pointer.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<Float>.self)
    }

    /// output[rows × outputs] = input[rows × inputs] · weightᵀ + bias, with weight[outputs × inputs] as in PyTorch's
    /// Linear.
    static func forward(
        _ input: UnsafeBufferPointer<Float>, weight: UnsafeBufferPointer<Float>, bias: UnsafeBufferPointer<Float>,
        into output: UnsafeMutableBufferPointer<Float>, rows: Int
    ) {
        guard let input = input.baseAddress, let w = weight.baseAddress, rows > 0 else { return }
        let outputs = bias.count
        let inputs = weight.count / max(outputs, 1)
        for row in 0..<rows {
            for unit in 0..<outputs {
                output[row * outputs + unit] = dot(input + row * inputs, w + unit * inputs, inputs) + bias[unit]
            }
        }
    }

    /// Adds to the gradients of weight and bias, and gives the error of the inputs where it is wanted.
    static func backward(
        input: UnsafeBufferPointer<Float>, error: UnsafeBufferPointer<Float>, weight: UnsafeBufferPointer<Float>,
        weightGradient: UnsafeMutableBufferPointer<Float>, biasGradient: UnsafeMutableBufferPointer<Float>,
        inputError: UnsafeMutableBufferPointer<Float>?, rows: Int
    ) {
        guard let x = input.baseAddress, let w = weight.baseAddress, let gradient = weightGradient.baseAddress, rows > 0
        else { return }
        let outputs = biasGradient.count
        let inputs = weight.count / max(outputs, 1)
        for row in 0..<rows {
            for unit in 0..<outputs {
                let delta = error[row * outputs + unit]
                biasGradient[unit] += delta
                axpy(delta, x + row * inputs, gradient + unit * inputs, inputs)
                if let inputError, let target = inputError.baseAddress {
                    axpy(delta, w + unit * inputs, target + row * inputs, inputs)
                }
            }
        }
    }
}
