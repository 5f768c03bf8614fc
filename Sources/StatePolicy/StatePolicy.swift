// StatePolicy
