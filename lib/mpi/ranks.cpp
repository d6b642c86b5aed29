// Ranks by Boost.MPI: a module that the program loads where it was started by mpirun, so that no other run of it pays
// for MPI.

#include <ampacity/experiment/ranks.hpp>

#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>
#include <boost/mpi/exception.hpp>
#include <mpi.h>

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace ampacity::mpi {
namespace {

constexpr int tag = 1;

class mpi_ranks final : public experiment::ranks {
public:
    ~mpi_ranks() override {
        try {
            leave_together();
        } catch (const boost::mpi::exception&) {
            // A rank has died; mpirun ends the others.
        }
    }

    [[nodiscard]] int number() const noexcept override { return number_; }
    [[nodiscard]] int count() const noexcept override { return count_; }

    void send(int to, std::vector<char> message) override {
        sent_.push_back({std::move(message), {}});
        parcel& p = sent_.back();
        p.request = world_.isend(to, tag, p.bytes.data(), static_cast<int>(p.bytes.size()));
        reap();
    }

    [[nodiscard]] std::optional<experiment::rank_message> receive() override {
        reap();
        const auto waiting = world_.iprobe(boost::mpi::any_source, tag);
        if (!waiting) return std::nullopt;
        experiment::rank_message out{.from = waiting->source()};
        out.bytes.resize(static_cast<std::size_t>(*waiting->count<char>()));
        world_.recv(out.from, tag, out.bytes.data(), static_cast<int>(out.bytes.size()));
        return out;
    }

private:
    struct parcel {
        std::vector<char> bytes;
        boost::mpi::request request;
    };

    void reap() {
        sent_.remove_if([](parcel& p) { return p.request.test().has_value(); });
    }

    /// What still comes is taken, so that nobody waits for its reader.
    void pause() {
        while (receive()) {
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }

    void leave_together() {
        while (reap(), !sent_.empty()) pause();
        MPI_Request all = MPI_REQUEST_NULL;
        MPI_Ibarrier(world_, &all);
        for (int done = 0; MPI_Test(&all, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done == 0;) pause();
    }

    boost::mpi::environment environment_{boost::mpi::threading::funneled, false};
    boost::mpi::communicator world_;
    int number_ = world_.rank();
    int count_ = world_.size();
    std::list<parcel> sent_;
};

}  // namespace
}  // namespace ampacity::mpi

/// Joins the ranks that were started together.
extern "C" [[gnu::visibility("default")]] ampacity::experiment::ranks* ampacity_join_ranks() {
    return new ampacity::mpi::mpi_ranks;
}
