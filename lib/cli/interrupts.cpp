#include "interrupts.hpp"

#include <unistd.h>

#include <csignal>

namespace ampacity::cli {
namespace {

volatile std::sig_atomic_t caught = 0;

extern "C" void on_interrupt(int signal) {
    if (caught != 0 && signal == SIGINT) _exit(4);
    caught = 1;
}

}  // namespace

void catch_interrupts() {
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;  // a slow reader of our output is no failed write
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() noexcept { return caught != 0; }

}  // namespace ampacity::cli
