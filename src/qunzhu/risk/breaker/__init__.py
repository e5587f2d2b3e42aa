"""The breaker (熔断): many people come in and post nearly the same within seconds; the group is frozen, then asked."""
