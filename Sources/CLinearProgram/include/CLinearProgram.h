// Linear programs, solved by the GLPK library. The library is loaded when the first program is solved and is not linked:
// a proxy that only forwards calls never loads it, and runs where it is not installed.
//
// GLPK keeps its state by thread, and a failure inside it ends that state; so the caller lets one thread at a time in.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// Minimise cost · x, where every row's lower ≤ a · x ≤ upper, and lower ≤ x ≤ upper. ±INFINITY: no bound.
// Rows and columns are numbered from 0; each (row, column) pair is given at most once.
typedef struct {
    int rows;
    int columns;
    int coefficients;
    const int *_Nullable coefficient_row;
    const int *_Nullable coefficient_column;
    const double *_Nullable coefficient_value;
    const double *_Nullable row_lower;
    const double *_Nullable row_upper;
    const double *_Nullable column_lower;
    const double *_Nullable column_upper;
    const double *_Nullable cost;
    int time_limit_milliseconds;
} clp_program;

typedef enum {
    CLP_OPTIMAL,
    CLP_INFEASIBLE,
    CLP_UNBOUNDED,
    CLP_TIME_LIMIT,
    // It gave up for numerical reasons, or refused what it was given.
    CLP_FAILED,
    // The library is not installed, or lacks a function that is needed.
    CLP_NO_LIBRARY,
} clp_status;

typedef enum {
    CLP_SIMPLEX,
    CLP_INTERIOR_POINT,
} clp_method;

// Loads the library when that was not done before. 1: it can be used.
int clp_available(void);
// "5.0", or an empty text without the library.
const char *_Nonnull clp_version(void);
// Fills `values` (one a column) when the answer is CLP_OPTIMAL.
clp_status clp_solve(const clp_program *_Nonnull program, clp_method method, double *_Nonnull values);

#ifdef __cplusplus
}
#endif
