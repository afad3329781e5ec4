#include "policy/zoo/zoo.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "policy/trend.h"

namespace nines::policy {
namespace {

constexpr double kMinute = 60;
constexpr double kHour = 3600;
constexpr double kDay = 86400;
constexpr double kWeek = 7 * kDay;

using Random = std::mt19937_64;

double between(Random& random, double low, double high) {
  return std::uniform_real_distribution(low, high)(random);
}

/// Evenly over the orders of magnitude.
double magnitude(Random& random, double low, double high) {
  return std::exp(between(random, std::log(low), std::log(high)));
}

/// Independent of everything but its own seed, so that lives can be copied.
auto noise(Random& random, double sigma) {
  auto own = std::make_shared<Random>(random());
  return [own, sigma](double value) {
    return std::max(0.0, value + std::normal_distribution(0.0, sigma)(*own));
  };
}

double sawtooth(double t, double period) {
  return t / period - std::floor(t / period);
}

double daily(double t, double phase) {
  return 0.5 + 0.5 * std::sin(2 * std::numbers::pi * (t / kDay + phase));
}

Life flat(Random& random) {
  const double level = between(random, 0.1, 0.95);
  return {1, kWeek, 0, [=, n = noise(random, 0.002)](double) { return n(level); }};
}

Life noisy(Random& random) {
  const double level = between(random, 0.3, 0.7);
  return {1, kWeek, 0, [=, n = noise(random, between(random, 0.02, 0.06))](double) {
            return std::min(0.99, n(level));
          }};
}

Life warm_up(Random& random) {
  const double tau = magnitude(random, 20, 6 * kHour);
  const double top = between(random, 0.3, 0.92);
  return {1, kWeek, 0, [=, n = noise(random, 0.003)](double t) {
            return n(top * (0.2 + 0.8 * (1 - std::exp(-t / tau))));
          }};
}

/// Fills at one pace up to its own size, and is full from then on.
Life cache(Random& random) {
  const double takes = magnitude(random, 2 * kMinute, kDay);
  const double size = between(random, 0.5, 0.9);
  const double bend = between(random, 0.6, 1.0);
  return {1, kWeek, 0, [=, n = noise(random, 0.003)](double t) {
            return n(0.05 + (size - 0.05) * std::pow(std::min(1.0, t / takes), bend));
          }};
}

Life collected(Random& random) {
  const double period = magnitude(random, 30, 8 * kHour);
  const double low = between(random, 0.2, 0.4);
  const double high = between(random, 0.6, 0.95);
  return {1, kWeek, 0, [=, n = noise(random, 0.005)](double t) {
            return n(low + (high - low) * sawtooth(t, period));
          }};
}

Life rhythm(Random& random) {
  const double phase = between(random, 0, 1);
  const double low = between(random, 0.2, 0.4);
  const double high = between(random, 0.5, 0.85);
  const double weekend = between(random, 0.5, 1.0);
  return {1, 2 * kWeek, 0, [=, n = noise(random, 0.01)](double t) {
            const bool weekday = std::fmod(t / kDay, 7) < 5;
            return n(low + (high - low) * daily(t, phase) * (weekday ? 1.0 : weekend));
          }};
}

/// Bursts of heavy-tailed size that go away within minutes.
Life bursty(Random& random) {
  struct State {
    Random random;
    double next = 0, size = 0, ends = 0, decay = 0;
  };
  auto state = std::make_shared<State>();
  state->random.seed(random());
  const double base = between(random, 0.15, 0.4);
  const double every = magnitude(random, 10 * kMinute, 6 * kHour);
  return {1, kWeek, 0, [=, n = noise(random, 0.005)](double t) {
            State& now = *state;
            if (t >= now.next) {
              now.size = std::min(0.9 - base, 0.05 * std::pow(between(now.random, 1e-4, 1), -0.6));
              now.decay = magnitude(now.random, 20, 10 * kMinute);
              now.ends = t;
              now.next = t + std::exponential_distribution(1 / every)(now.random);
            }
            return n(base + now.size * std::exp(-(t - now.ends) / now.decay));
          }};
}

/// Grows as the logarithm of time: every new size class is needed once.
Life fragments(Random& random) {
  const double from = between(random, 0.2, 0.4);
  const double pace = between(random, 0.01, 0.04);
  const double first = magnitude(random, kMinute, kHour);
  return {1, kWeek, 0, [=, n = noise(random, 0.004)](double t) {
            return n(from + pace * std::log1p(t / first));
          }};
}

Life wanders(Random& random) {
  struct State {
    Random random;
    double last = 0, value = 0;
  };
  auto state = std::make_shared<State>();
  state->random.seed(random());
  const double level = between(random, 0.3, 0.6);
  const double tau = magnitude(random, 5 * kMinute, 12 * kHour);
  return {1, kWeek, 0, [=](double t) {
            State& now = *state;
            const double keep = std::exp(-(t - now.last) / tau);
            const double sigma = 0.08 * std::sqrt(1 - keep * keep);
            now.value = now.value * keep + std::normal_distribution(0.0, sigma)(now.random);
            now.last = t;
            return std::clamp(level + now.value, 0.0, 0.98);
          }};
}

/// So many descriptors as there are requests under way.
Life by_load(Random& random) {
  auto own = std::make_shared<Random>(random());
  const double phase = between(random, 0, 1);
  const double mean = between(random, 50, 400);
  return {1024, kWeek, 0, [=](double t) {
            const double load = mean * (0.3 + 0.7 * daily(t, phase));
            return 20.0 + std::poisson_distribution<int>(load)(*own);
          }};
}

/// A leak that a deployment each day ends long before the limit.
Life deployed_daily(Random& random) {
  const double rise = between(random, 0.05, 0.25);
  Life life{1, kWeek, 0, [=, n = noise(random, 0.004)](double t) {
              return n(0.25 + rise * std::fmod(t, kDay) / kDay);
            }};
  for (double day = kDay; day < kWeek; day += kDay) life.restarts_s.push_back(day);
  return life;
}

double leak_length(Random& random) {
  return magnitude(random, kMinute, 6 * kDay);
}

/// `shape`: 0 to 1 over the length, from `base` to beyond the limit.
Life leak(Random& random, double length, double sigma, std::function<double(double)> shape) {
  const double base = between(random, 0.05, 0.4);
  return {1, 1.2 * length, 0, [=, n = noise(random, sigma)](double t) {
            return n(base + (1 - base) * shape(t / length));
          }};
}

Life linear_leak(Random& random) {
  return leak(random, leak_length(random), 0.004, [](double x) { return x; });
}

Life accelerating_leak(Random& random) {
  const double power = between(random, 1.3, 3);
  return leak(random, leak_length(random), 0.004, [=](double x) { return std::pow(x, power); });
}

Life stepwise_leak(Random& random) {
  const double steps = std::floor(between(random, 12, 60));
  return leak(random, leak_length(random), 0.003,
              [=](double x) { return std::floor(x * steps) / steps; });
}

Life collected_leak(Random& random) {
  const double length = magnitude(random, 20 * kMinute, 6 * kDay);
  const double period = length / between(random, 20, 100);
  const double swing = between(random, 0.05, 0.2);
  return leak(random, length, 0.004,
              [=](double x) { return x * (1 - swing) + swing * sawtooth(x * length, period); });
}

Life rhythmic_leak(Random& random) {
  const double length = between(random, 3 * kDay, 7 * kDay);
  const double phase = between(random, 0, 1);
  const double swing = between(random, 0.05, 0.15);
  return leak(random, length, 0.005,
              [=](double x) { return x * (1 - swing) + swing * daily(x * length, phase); });
}

/// By night there is no load, and no leak.
Life nightly_paused_leak(Random& random) {
  const double length = between(random, 2 * kDay, 7 * kDay);
  return leak(random, length, 0.003, [=](double x) {
    const double days = x * length / kDay;
    const double today = std::min(1.0, (days - std::floor(days)) * 1.5);
    return (std::floor(days) + today) * kDay / length;
  });
}

Life late_leak(Random& random) {
  const double healthy = between(random, kDay, 4 * kDay);
  const double length = magnitude(random, 5 * kMinute, 2 * kDay);
  const double base = between(random, 0.1, 0.5);
  return {1, healthy + 1.2 * length, healthy, [=, n = noise(random, 0.004)](double t) {
            return n(base + (1 - base) * std::max(0.0, t - healthy) / length);
          }};
}

Life counted_leak(Random& random, double limit, double base) {
  const double length = leak_length(random);
  auto own = std::make_shared<Random>(random());
  return {limit, 1.2 * length, 0, [=](double t) {
            return std::floor(base + (limit - base) * t / length) +
                   std::poisson_distribution<int>(base / 4)(*own);
          }};
}

/// A disk that logs fill: a chunk at a time, and rotation takes nothing away any more.
Life disk_fills(Random& random) {
  const double length = magnitude(random, kHour, 6 * kDay);
  const double base = between(random, 0.3, 0.7);
  return {1, 1.2 * length, 0, [=, n = noise(random, 0.0005)](double t) {
            return n(base + (1 - base) * std::floor(t / length * 200) / 200);
          }};
}

/// Requests come a little faster than they are served.
Life backlog_grows(Random& random) {
  const double length = magnitude(random, 2 * kMinute, 6 * kHour);
  auto own = std::make_shared<Random>(random());
  return {511, 1.2 * length, 0,
          [=](double t) { return 511 * t / length + std::poisson_distribution<int>(8)(*own); }};
}

}  // namespace

const std::vector<Species>& all_species() {
  static const std::vector<Species> kAll = {
      {"flat", false, flat},
      {"noisy", false, noisy},
      {"warm-up, then a plateau", false, warm_up},
      {"cache that fills and stays", false, cache},
      {"garbage collection", false, collected},
      {"daily and weekly rhythm", false, rhythm},
      {"bursts", false, bursty},
      {"fragmentation that slows down", false, fragments},
      {"random walk that reverts", false, wanders},
      {"descriptors by load", false, by_load},
      {"deployed each day", false, deployed_daily},
      {"linear leak", true, linear_leak},
      {"accelerating leak", true, accelerating_leak},
      {"step-wise leak", true, stepwise_leak},
      {"leak under garbage collection", true, collected_leak},
      {"leak under a daily rhythm", true, rhythmic_leak},
      {"leak that pauses at night", true, nightly_paused_leak},
      {"leak after days of health", true, late_leak},
      {"descriptor leak", true, [](Random& random) { return counted_leak(random, 1024, 40); }},
      {"thread leak", true, [](Random& random) { return counted_leak(random, 512, 16); }},
      {"disk that fills", true, disk_fills},
      {"backlog that grows", true, backlog_grows},
  };
  return kAll;
}

Verdict live(const Life& life) {
  struct Warning {
    double at, until;
  };
  TrendPredictor predictor(Predictor::kMemory);
  std::vector<Warning> warnings;
  Verdict verdict;
  bool warned_in_episode = false;
  double t = 0;
  auto restart = life.restarts_s.begin();
  for (; t < life.length_s; ++verdict.readings) {
    if (restart != life.restarts_s.end() && t >= *restart) {
      predictor.restart();
      ++restart;
    }
    const double value = life.use(t);
    verdict.hit_limit = value >= life.limit;
    if (verdict.hit_limit) break;
    const BootTime now{static_cast<std::int64_t>((t + 100) * 1e9)};
    if (const auto said = predictor.add({now, value, life.limit})) {
      // The urgent one of an episode that was warned of is no second warning.
      if (!said->urgent || !warned_in_episode) {
        const double latest = std::chrono::duration<double>(said->latest).count();
        warnings.push_back({t, t + std::max(60.0, 1.5 * latest)});
      }
      warned_in_episode = !said->urgent;
    }
    t += std::chrono::duration<double>(predictor.next_reading_in()).count();
  }
  verdict.weeks = t / kWeek;
  const double useful = std::min(kUsefulSeconds, kUsefulShare * (t - life.fault_begins_s));
  for (const Warning& warning : warnings) {
    const bool ahead = verdict.hit_limit && warning.at >= life.fault_begins_s;
    if (ahead && warning.until >= t && t - warning.at >= useful) {
      if (!verdict.warned) verdict.lead_s = t - warning.at;
      verdict.warned = true;
    } else if (!ahead) {
      ++verdict.false_alarms;
    }
  }
  return verdict;
}

}  // namespace nines::policy
