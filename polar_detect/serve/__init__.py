"""Scores over HTTP: a saved detector behind `POST /score` and `POST /explain`.

Needs the extra `serve`. One thread owns the models; requests that come together are answered
in one batch. No text is logged, stored or sent anywhere but back.
"""
