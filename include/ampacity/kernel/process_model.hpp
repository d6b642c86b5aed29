#pragma once
/// \file
/// A model made of processes alone, with its kernel: spawn, then run.
///
///     process_model m;
///     m.spawn(machine(m, repairers));
///     m.run_until(start_of_time + 24h);
///
/// A model with plain events of its own has a kernel and an `environment` instead, and hands over the events of that
/// environment's subsystem. May be derived from, so that processes are member functions. One model belongs to one
/// thread.

#include <ampacity/core/time.hpp>
#include <ampacity/kernel/event.hpp>
#include <ampacity/kernel/kernel.hpp>
#include <ampacity/kernel/process.hpp>

#include <cstddef>
#include <cstdint>

namespace ampacity::kernel {

/// What must be there before the environment and outlive it.
class process_kernel {
protected:
    explicit process_kernel(instant start) : kernel_(to_environment_, start) {}

    /// The kernel's model: hands every event to the environment.
    struct to_environment {
        template <class Kernel>
        void dispatch(const event& e, Kernel&) {
            env->dispatch(e);
        }
        environment* env = nullptr;
    };
    to_environment to_environment_;
    kernel<to_environment> kernel_;
};

class process_model : private process_kernel, public environment {
public:
    /// The clock starts at `start`.
    explicit process_model(instant start = start_of_time) : process_kernel(start), environment(kernel_) {
        to_environment_.env = this;
    }

    /// Runs until no process waits for time. \throws what leaves a process, if nobody awaits its end
    void run() { run_until(never); }
    /// Runs all events up to and including `t`; the clock stays at the last one. \throws as `run`
    run_status run_until(instant t) { return kernel_.run_until(t); }
    /// One round; false if no process waits for time. \throws as `run`
    bool step() { return kernel_.step(); }

    [[nodiscard]] std::uint64_t events_processed() const noexcept { return kernel_.events_processed(); }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return kernel_.memory_bytes() + environment::memory_bytes();
    }
};

}  // namespace ampacity::kernel
