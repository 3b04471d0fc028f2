// SPDX-License-Identifier: Apache-2.0
// supermalloc.cpp - runs OmniMalloc's SuperMalloc on one CSV file, as its Python face does.
//
// usage: supermalloc FILE CAPACITY THREADS SECONDS OUT
// CAPACITY 0 minimises: incumbent from its greedy orders, then its ladder of bounds. Otherwise
// the question is whether a plan under CAPACITY exists. Prints "seconds peak bound", and
// writes id,lower,upper,size,offset to OUT. Reading and writing are not timed.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "allocators/supermalloc.hpp"

using namespace omnimalloc;

namespace {

using Clock = std::chrono::steady_clock;

std::vector<Allocation> read(const char *path) {
    std::vector<Allocation> all;
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::replace(line.begin(), line.end(), ',', ' ');
        std::istringstream fields(line);
        int64_t id, lower, upper, size;
        if (fields >> id >> lower >> upper >> size) {
            all.emplace_back(IdType(id), size, TimePoint(lower), TimePoint(upper));
        }
    }
    return all;
}

struct Run {
    std::vector<Partition> orders;
    int threads;
    double seconds;
    Clock::time_point start;

    double left() const {
        return seconds - std::chrono::duration<double>(Clock::now() - start).count();
    }
    std::optional<Solution> below(const std::set<int64_t> &bounds) const {
        std::vector<Partition> members;
        for (auto b = bounds.rbegin(); b != bounds.rend(); ++b) {
            for (const Partition &order : orders) {
                members.push_back(order.with_bound(*b));
            }
        }
        return try_solve_many(members, *bounds.rbegin(), std::nullopt,
                              {true, true, true, true, true}, left(), threads);
    }
};

} // namespace

int main(int argc, char **argv) {
    if (argc != 6) {
        std::cerr << "usage: supermalloc FILE CAPACITY THREADS SECONDS OUT\n";
        return 2;
    }
    const auto all = read(argv[1]);
    const int64_t capacity = std::atoll(argv[2]);
    Run run{{}, std::atoi(argv[3]), std::atof(argv[4]), Clock::now()};
    const Partition base = Partition::from_allocations(all);
    for (const char *order : {"WAT", "TAW", "TWA"}) {
        run.orders.push_back(base.reorder(order));
    }
    const int64_t low = base.lower_bound();
    std::optional<Solution> best;
    if (capacity > 0) {
        best = run.below({capacity + 1});
    } else {
        best = greedy_pack_portfolio(base,
                                     {"WAT", "TAW", "TWA", "", "AWT", "ATW", "WTA", "ZAT", "ZTA",
                                      "OAT", "OTA", "LAT", "UAT"},
                                     run.left(), run.threads);
        const int rungs = std::max(1, run.threads / 3);
        while (best->peak > low && run.left() > 0) {
            const int64_t gap = best->peak - low;
            const int64_t ladder[] = {best->peak, low + 1, low + gap / 4, low + gap / 8};
            std::set<int64_t> bounds(ladder, ladder + std::min(rungs, 4));
            bounds.erase(bounds.begin(), bounds.upper_bound(low));
            auto found = run.below(bounds);
            if (!found) {
                break;
            }
            best = std::move(found);
        }
    }
    const double took = std::chrono::duration<double>(Clock::now() - run.start).count();
    std::cout << std::fixed << took << ' ' << (best ? best->peak : 0) << ' ' << low << '\n';
    if (!best) {
        return 1;
    }
    std::ofstream out(argv[5]);
    out << "id,lower,upper,size,offset\n";
    for (const Allocation &a : best->allocations) {
        out << std::get<int64_t>(a.id()) << ',' << a.start() << ',' << a.end() << ',' << a.size()
            << ',' << *a.offset() << '\n';
    }
    return 0;
}
