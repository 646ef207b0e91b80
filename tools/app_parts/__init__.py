"""The pages of tools/demo_app.py: scans (viser) and images (gradio)."""
