//! What crosses between page, worker, link and file: recipes, requests, results.
