"""The teacher of mutual learning."""
from .teacher_hook import TeacherHook

__all__ = ['TeacherHook']
