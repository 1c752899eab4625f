/* The headers that all of Theano's generated C++ includes, for `precompiled_headers.py`. */

#ifdef __clang__
#error "Only g++ looks for a precompiled header beside a header, and passes over one that is unfit."
#endif

#include "numpy2_compat.h"

#include <algorithm>
#include <assert.h>
#include <iostream>
#include <limits>
#include <math.h>
#include <numpy/arrayscalars.h>
#include <vector>
