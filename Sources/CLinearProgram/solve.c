#include "include/CLinearProgram.h"
#include "internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

// GLPK's arrays begin at 1.
typedef struct {
    int *rows;
    int *columns;
    double *values;
} triplets;

static void free_triplets(triplets *t) {
    free(t->rows);
    free(t->columns);
    free(t->values);
}

// 0 when there is no memory.
static int make_triplets(const clp_program *program, triplets *t) {
    size_t count = (size_t)program->coefficients + 1;
    t->rows = calloc(count, sizeof *t->rows);
    t->columns = calloc(count, sizeof *t->columns);
    t->values = calloc(count, sizeof *t->values);
    if (t->rows == NULL || t->columns == NULL || t->values == NULL) return 0;
    for (int k = 0; k < program->coefficients; k++) {
        t->rows[k + 1] = program->coefficient_row[k] + 1;
        t->columns[k + 1] = program->coefficient_column[k] + 1;
        t->values[k + 1] = program->coefficient_value[k];
    }
    return 1;
}

static int bound_kind(double lower, double upper) {
    if (lower == upper) return GLP_FX;
    if (isinf(lower)) return isinf(upper) ? GLP_FR : GLP_UP;
    return isinf(upper) ? GLP_LO : GLP_DB;
}

static void fill(const clp_library *glpk, glp_prob *problem, const clp_program *program, const triplets *t) {
    glpk->glp_set_obj_dir(problem, GLP_MIN);
    if (program->rows > 0) glpk->glp_add_rows(problem, program->rows);
    if (program->columns > 0) glpk->glp_add_cols(problem, program->columns);
    for (int i = 0; i < program->rows; i++) {
        double lower = program->row_lower[i], upper = program->row_upper[i];
        glpk->glp_set_row_bnds(problem, i + 1, bound_kind(lower, upper), lower, upper);
    }
    for (int j = 0; j < program->columns; j++) {
        double lower = program->column_lower[j], upper = program->column_upper[j];
        glpk->glp_set_col_bnds(problem, j + 1, bound_kind(lower, upper), lower, upper);
        glpk->glp_set_obj_coef(problem, j + 1, program->cost[j]);
    }
    glpk->glp_load_matrix(problem, program->coefficients, t->rows, t->columns, t->values);
}

static clp_status simplex(const clp_library *glpk, glp_prob *problem, const clp_program *program, double *values) {
    glp_smcp parameters;
    glpk->glp_init_smcp(&parameters);
    parameters.msg_lev = GLP_MSG_OFF;
    parameters.meth = GLP_DUALP;
    parameters.presolve = GLP_ON;
    parameters.tm_lim = program->time_limit_milliseconds;
    glpk->glp_scale_prob(problem, GLP_SF_AUTO);
    switch (glpk->glp_simplex(problem, &parameters)) {
    case 0: break;
    case GLP_ENOPFS: return CLP_INFEASIBLE;
    case GLP_ENODFS: return CLP_UNBOUNDED;
    case GLP_ETMLIM: return CLP_TIME_LIMIT;
    default: return CLP_FAILED;
    }
    switch (glpk->glp_get_status(problem)) {
    case GLP_OPT: break;
    case GLP_INFEAS:
    case GLP_NOFEAS: return CLP_INFEASIBLE;
    case GLP_UNBND: return CLP_UNBOUNDED;
    default: return CLP_FAILED;
    }
    for (int j = 0; j < program->columns; j++) values[j] = glpk->glp_get_col_prim(problem, j + 1);
    return CLP_OPTIMAL;
}

static clp_status interior_point(const clp_library *glpk, glp_prob *problem, const clp_program *program, double *values) {
    glp_iptcp parameters;
    glpk->glp_init_iptcp(&parameters);
    parameters.msg_lev = GLP_MSG_OFF;
    if (glpk->glp_interior(problem, &parameters) != 0 || glpk->glp_ipt_status(problem) != GLP_OPT) return CLP_FAILED;
    for (int j = 0; j < program->columns; j++) values[j] = glpk->glp_ipt_col_prim(problem, j + 1);
    return CLP_OPTIMAL;
}

// Switching terminal output off would not be enough: GLPK switches it on again for its errors.
static int say_nothing(void *unused, const char *text) {
    (void)unused;
    (void)text;
    return 1;
}

// Without a hook GLPK ends the process when it refuses its input or runs out of memory.
static void give_up(void *place) { longjmp(*(jmp_buf *)place, 1); }

clp_status clp_solve(const clp_program *program, clp_method method, double *values) {
    const clp_library *glpk = clp_load();
    if (glpk == NULL) return CLP_NO_LIBRARY;
    triplets t = {0};
    if (!make_triplets(program, &t)) {
        free_triplets(&t);
        return CLP_FAILED;
    }
    volatile clp_status status = CLP_FAILED;
    jmp_buf place;
    glpk->glp_term_hook(say_nothing, NULL);
    glpk->glp_error_hook(give_up, &place);
    if (setjmp(place) == 0) {
        glp_prob *problem = glpk->glp_create_prob();
        fill(glpk, problem, program, &t);
        status = method == CLP_SIMPLEX ? simplex(glpk, problem, program, values)
                                       : interior_point(glpk, problem, program, values);
    } else {
        status = CLP_FAILED;
    }
    // Gives back all of the library's memory on this thread, the problem included, and the hook with it.
    glpk->glp_free_env();
    free_triplets(&t);
    return status;
}
