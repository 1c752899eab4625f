/* What Theano's generated C++ of 2021 expects, in terms of NumPy 2 and Python 3; included before it. */

#ifndef NIGHTFIT_NUMPY2_COMPAT_H
#define NIGHTFIT_NUMPY2_COMPAT_H

/* Theano also compiles small probes of the compiler itself, with no Python headers on the path. */
#if defined(__cplusplus) && __has_include(<Python.h>)
#include <Python.h>

#define NPY_PY3K 1
#include "numpy/arrayobject.h"
#include "numpy/npy_3kcompat.h"

#define PyInt_Check PyLong_Check
#define PyInt_CheckExact PyLong_CheckExact
#define PyInt_AsLong PyLong_AsLong
#define PyInt_AS_LONG PyLong_AsLong
#define PyInt_FromLong PyLong_FromLong
#define PyNumber_Int PyNumber_Long
#define PyString_Check PyUnicode_Check
#define PyString_AsString PyUnicode_AsUTF8
#define PyString_FromString PyUnicode_FromString
#define PyString_FromFormat PyUnicode_FromFormat
#define PyString_ConcatAndDel PyUnicode_AppendAndDel

/* NumPy 2 hides elsize in PyArray_Descr: this value still shows it, and converts to what it was. */
struct NightfitDescr {
    PyArray_Descr *descr;
    _PyArray_LegacyDescr *operator->() const { return (_PyArray_LegacyDescr *)descr; }
    operator PyArray_Descr *() const { return descr; }
    operator PyObject *() const { return (PyObject *)descr; }
};

static inline NightfitDescr nightfit_descr(const PyArrayObject *array)
{
    NightfitDescr value = {((PyArrayObject_fields *)array)->descr};
    return value;
}

#define PyArray_DESCR(array) nightfit_descr((const PyArrayObject *)(array))

#endif
#endif
