// What reaches its limit if nobody acts.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "policy/zoo/zoo.h"

namespace nines::policy::zoo {
namespace {

using Random = std::shared_ptr<Dice>;

/// A straight line from `start` to the limit in `length` seconds.
Animal linear(Random dice, double shortest, double longest) {
  const double start = dice->uniform(0.05, 0.4);
  const double length = dice->log_uniform(shortest, longest);
  const double noise = dice->uniform(0.001, 0.015);
  return {[=](double t) { return start + (1 - start) * t / length + dice->normal(noise); }};
}

Animal linear_minutes(Random dice) {
  return linear(dice, kMinute, 10 * kMinute);
}
Animal linear_hours(Random dice) {
  return linear(dice, 10 * kMinute, 6 * kHour);
}
Animal linear_days(Random dice) {
  return linear(dice, 6 * kHour, 6 * kDay);
}

Animal under_gc(Random dice) {
  const double length = dice->log_uniform(20 * kMinute, 5 * kDay);
  const double period = length * dice->log_uniform(0.001, 0.05);
  const double base = dice->uniform(0.1, 0.3);
  const double height = dice->uniform(0.05, 0.3);
  return {[=](double t) {
    const double saw = height * std::fmod(t, period) / period;
    return base + (1 - base - height / 2) * t / length + saw + dice->normal(0.003);
  }};
}

Animal under_daily(Random dice) {
  const double length = dice->uniform(2 * kDay, 6 * kDay);
  const double level = dice->uniform(0.15, 0.35);
  const double height = dice->uniform(0.03, 0.12);
  const double phase = dice->uniform(0, kDay);
  return {[=](double t) {
    const double wave = std::sin(2 * std::numbers::pi * (t + phase) / kDay);
    return level + (1 - level) * t / length + height * wave + dice->normal(0.005);
  }};
}

Animal accelerating(Random dice) {
  const double start = dice->uniform(0.05, 0.4);
  const double length = dice->log_uniform(5 * kMinute, 4 * kDay);
  const double power = dice->uniform(1.5, 2.5);
  const double noise = dice->uniform(0.001, 0.01);
  return {[=](double t) {
    return start + (1 - start) * std::pow(t / length, power) + dice->normal(noise);
  }};
}

/// Steps of unequal height at irregular times.
Animal stepwise(Random dice) {
  const double length = dice->log_uniform(20 * kMinute, 5 * kDay);
  const double steps = dice->uniform(12, 60);
  double used = dice->uniform(0.05, 0.3);
  const double height = (1 - used) / steps;
  double next = dice->exponential(length / steps);
  return {[=](double t) mutable {
    while (t >= next) {
      used += height * dice->uniform(0.5, 1.5);
      next += length / steps * dice->uniform(0.4, 1.6);
    }
    return used + dice->normal(0.002);
  }};
}

/// Slower and slower, but without end.
Animal fragmenting(Random dice) {
  const double start = dice->uniform(0.1, 0.3);
  const double length = dice->log_uniform(kHour, 6 * kDay);
  const double power = dice->uniform(0.6, 0.9);
  return {[=](double t) {
    return start + (1 - start) * std::pow(t / length, power) + dice->normal(0.004);
  }};
}

/// Each request leaks with a small probability, under a load of a day's rhythm that is short beside
/// the leak or long; counted in whole numbers.
Animal counted(Random dice, double limit, double shortest, double longest) {
  const double length = dice->log_uniform(shortest, longest);
  const double base = dice->uniform(0.02, 0.2) * limit;
  const double rate = (limit - base) / length;
  double leaked = 0;
  double last = 0;
  return {[=](double t) mutable {
            leaked += dice->poisson(rate * (t - last));
            last = t;
            return (base + leaked + dice->poisson(0.02 * limit)) / limit;
          },
          limit};
}

Animal fd_leak(Random dice) {
  return counted(dice, 1024, 10 * kMinute, 5 * kDay);
}
Animal thread_leak(Random dice) {
  return counted(dice, 512, kHour, 5 * kDay);
}

/// Logs are rotated each few hours, until rotation fails.
Animal disk_logs(Random dice) {
  const double base = dice->uniform(0.3, 0.6);
  const double rotate = dice->log_uniform(kHour, kDay);
  const double height = dice->uniform(0.02, 0.1);
  const double from = std::floor(dice->uniform(1 * kDay, 3 * kDay) / rotate) * rotate;
  return {[=](double t) {
            const double since = t < from ? std::fmod(t, rotate) : t - from;
            return base + height * since / rotate;
          },
          100e9, from};
}

/// More comes in than is served, by little: a random walk with drift.
Animal backlog(Random dice) {
  const double limit = 10000;
  const double length = dice->log_uniform(10 * kMinute, 3 * kDay);
  const double served = dice->log_uniform(1, 100);
  double queue = 0.01 * limit;
  double last = 0;
  return {[=](double t) mutable {
            const double elapsed = t - last;
            last = t;
            queue += limit / length * elapsed + dice->normal(std::sqrt(2 * served * elapsed));
            queue = std::max(0.0, queue);
            return queue / limit;
          },
          limit};
}

Animal after_days(Random dice) {
  const double level = dice->uniform(0.2, 0.5);
  const double from = dice->uniform(kDay, 4 * kDay);
  const double length = dice->log_uniform(10 * kMinute, 2 * kDay);
  const double noise = dice->uniform(0.002, 0.015);
  return {[=](double t) {
            const double leak = (1 - level) * std::max(0.0, t - from) / length;
            return level + leak + dice->normal(noise);
          },
          1e9, from};
}

/// Only requests leak, and at night there are none.
Animal pauses_at_night(Random dice) {
  const double level = dice->uniform(0.1, 0.3);
  const double days = dice->uniform(2, 6);
  const double phase = dice->uniform(0, kDay);
  const double awake = dice->uniform(0.5, 0.7);
  return {[=](double t) {
    const double moved = (t + phase) / kDay;
    const double today = std::min(1.0, (moved - std::floor(moved)) / awake);
    const double before = std::min(1.0, phase / kDay / awake);
    return level + (1 - level) * (std::floor(moved) + today - before) / days + dice->normal(0.004);
  }};
}

constexpr auto kMemory = Predictor::kMemory;
constexpr std::array kSpecies = {
    Species{"linear, 1-10 min", true, kMemory, linear_minutes},
    Species{"linear, 10 min-6 h", true, kMemory, linear_hours},
    Species{"linear, 6 h-6 d", true, kMemory, linear_days},
    Species{"leak under GC sawtooth", true, kMemory, under_gc},
    Species{"leak under daily rhythm", true, kMemory, under_daily},
    Species{"accelerating leak", true, kMemory, accelerating},
    Species{"step-wise leak", true, kMemory, stepwise},
    Species{"fragmenting without end", true, kMemory, fragmenting},
    Species{"fd leak", true, Predictor::kFds, fd_leak},
    Species{"thread leak", true, Predictor::kThreads, thread_leak},
    Species{"logs, rotation fails", true, Predictor::kDisk, disk_logs},
    Species{"backlog", true, Predictor::kBacklog, backlog},
    Species{"leak after days of health", true, kMemory, after_days},
    Species{"leak that pauses at night", true, kMemory, pauses_at_night},
};

}  // namespace

std::span<const Species> failing_species() {
  return kSpecies;
}

}  // namespace nines::policy::zoo
