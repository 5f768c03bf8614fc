#pragma once

#include <glpk.h>

// Each function of the library that is used, by its own name: the field has the type that glpk.h declares.
#define CLP_FUNCTIONS(f) \
    f(glp_version) \
    f(glp_term_hook) \
    f(glp_error_hook) \
    f(glp_free_env) \
    f(glp_create_prob) \
    f(glp_set_obj_dir) \
    f(glp_add_rows) \
    f(glp_add_cols) \
    f(glp_set_row_bnds) \
    f(glp_set_col_bnds) \
    f(glp_set_obj_coef) \
    f(glp_load_matrix) \
    f(glp_scale_prob) \
    f(glp_adv_basis) \
    f(glp_init_smcp) \
    f(glp_simplex) \
    f(glp_get_status) \
    f(glp_get_col_prim) \
    f(glp_init_iptcp) \
    f(glp_interior) \
    f(glp_ipt_status) \
    f(glp_ipt_col_prim)

typedef struct {
#define CLP_FIELD(name) __typeof__(name) *name;
    CLP_FUNCTIONS(CLP_FIELD)
#undef CLP_FIELD
} clp_library;

// NULL when the library is not installed.
const clp_library *clp_load(void);
